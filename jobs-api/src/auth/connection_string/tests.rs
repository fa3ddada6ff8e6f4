use super::*;
use crate::auth::error::CredentialError;

const SECRET: &str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";

fn error(text: &str) -> ConnectionStringError {
    let error = text.parse::<ConnectionString>().unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(SECRET) && !shown.contains(&SECRET[..8]), "{shown}");
    error
}

#[test]
fn keys_are_accepted_in_any_order_and_case() {
    for text in [
        format!("HostName=hub.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey={SECRET}"),
        format!(
            " sharedaccesskey = {SECRET} ; HOSTNAME=hub.azure-devices.net;;SharedAccessKeyName =service ; "
        ),
    ] {
        let connection: ConnectionString = text.parse().unwrap();
        assert_eq!(connection.host_name(), "hub.azure-devices.net");
        assert_eq!(connection.shared_access_key_name(), "service");
        assert_eq!(connection.gateway_host_name(), None);
        assert!(!format!("{connection:?}").contains(SECRET));
    }
}

#[test]
fn value_may_contain_an_equals_sign() {
    let key = "HostName=h.net;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0cw==";
    assert!(key.parse::<ConnectionString>().is_ok());
    let token = "SharedAccessSignature sr=h.net&sig=a%3D&se=4102444800&skn=service";
    let signature = format!("HostName=h.net;SharedAccessKeyName=service;SharedAccessSignature={token}");
    let connection: ConnectionString = signature.parse().unwrap();
    assert!(format!("{:?}", connection.credential()).starts_with("SharedAccessSignature"));
}

#[test]
fn gateway_is_parsed() {
    let text = format!("GatewayHostName=edge;HostName=h.net;SharedAccessKeyName=s;SharedAccessKey={SECRET}");
    assert_eq!(text.parse::<ConnectionString>().unwrap().gateway_host_name(), Some("edge"));
}

#[test]
fn every_error_names_its_key() {
    use ConnectionStringError as E;
    let policy = format!("SharedAccessKeyName=service;SharedAccessKey={SECRET}");
    assert_eq!(error(""), E::Missing("HostName"));
    assert_eq!(error(&policy), E::Missing("HostName"));
    assert_eq!(error(&format!("HostName=h;SharedAccessKey={SECRET}")), E::Missing("SharedAccessKeyName"));
    assert_eq!(error("HostName=h;SharedAccessKeyName=s"), E::Missing("SharedAccessKey"));
    assert_eq!(error(&format!("HostName= ;{policy}")), E::Empty("HostName"));
    assert_eq!(error(&format!("HostName=h;hostname=i;{policy}")), E::Duplicate("HostName"));
    assert_eq!(error(&format!("HostName=https://h;{policy}")), E::Characters("HostName"));
    assert_eq!(error(&format!("HostName=h;GatewayHostName=a/b;{policy}")), E::Characters("GatewayHostName"));
    assert_eq!(error(&format!("HostName=h;DeviceId=d;SharedAccessKey={SECRET}")), E::OfADevice("DeviceId"));
    let both = format!("HostName=h;{policy};SharedAccessSignature=SharedAccessSignature sr=h&sig=a&se=1");
    assert_eq!(error(&both), E::KeyAndSignature);
    assert_eq!(error("Endpoint=sb://h/;EntityPath=e"), E::OfEventHubs("Endpoint"));
    assert_eq!(error(&format!("\"HostName=h;{policy}\"")), E::Quoted);
    for host in ["global.azure-devices-provisioning.net", "Contoso.Azure-Devices-Provisioning.NET:443"] {
        assert_eq!(error(&format!("HostName={host};{policy}")), E::OfProvisioning);
        assert_eq!(error(&format!("HostName={host}")), E::OfProvisioning);
    }
    let own = format!("HostName=azure-devices-provisioning.net.example;{policy}");
    assert!(own.parse::<ConnectionString>().is_ok());
    assert_eq!(error("HostName=contoso.azure-devices.net"), E::CutOff);
    assert_eq!(error("HostName=h;"), E::Missing("SharedAccessKeyName"));
    let key = "SharedAccessKey";
    let expected = CredentialError::KeyIsNotBase64;
    assert_eq!(
        error("HostName=h;SharedAccessKeyName=s;SharedAccessKey=é"),
        E::Unusable { key, error: expected }
    );
}

#[test]
fn unknown_key_is_shown_only_if_it_cannot_be_a_secret() {
    use ConnectionStringError as E;
    let typo = error("HostName=h;SharedAccesKey=a");
    assert_eq!(typo, E::Unknown { position: 2, key: Some("SharedAccesKey".into()) });
    assert!(typo.to_string().contains("SharedAccessKeyName"), "{typo}");
    assert_eq!(error(&format!("HostName=h;{SECRET}==")), E::Unknown { position: 2, key: None });
    assert_eq!(error(SECRET), E::NotAPair { position: 1 });
}
