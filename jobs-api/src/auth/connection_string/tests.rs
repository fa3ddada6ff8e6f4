use super::*;

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

#[track_caller]
fn assert_refused(text: &str, reason: &str) {
    let shown = error(text).to_string();
    assert!(shown.contains(reason), "{shown}");
}

#[test]
fn every_error_names_its_key() {
    let policy = format!("SharedAccessKeyName=service;SharedAccessKey={SECRET}");
    assert_refused("", "lacks the key `HostName`");
    assert_refused(&policy, "lacks the key `HostName`");
    assert_refused(&format!("HostName=h;SharedAccessKey={SECRET}"), "lacks the key `SharedAccessKeyName`");
    assert_refused("HostName=h;", "lacks the key `SharedAccessKeyName`");
    assert_refused("HostName=h;SharedAccessKeyName=s", "lacks the key `SharedAccessKey`; it has the form");
    assert_refused(
        &format!("HostName= ;{policy}"),
        "the key `HostName` of the connection string has no value",
    );
    assert_refused(&format!("HostName=h;hostname=i;{policy}"), "has the key `HostName` twice");
    assert_refused(
        &format!("HostName=https://h;{policy}"),
        "the key `HostName` of the connection string must be",
    );
    assert_refused(
        &format!("HostName=h;GatewayHostName=a/b;{policy}"),
        "`GatewayHostName` of the connection",
    );
    let odd_policy = format!("HostName=h;SharedAccessKeyName=a b;SharedAccessKey={SECRET}");
    assert_refused(&odd_policy, "the key `SharedAccessKeyName` of the connection string must have only");
    let both = format!("HostName=h;{policy};SharedAccessSignature=SharedAccessSignature sr=h&sig=a&se=1");
    assert_refused(&both, "has both `SharedAccessKey` and `SharedAccessSignature`; remove one");
    let unusable = error("HostName=h;SharedAccessKeyName=s;SharedAccessKey=é");
    assert!(matches!(unusable, ConnectionStringError::Unusable { key: "SharedAccessKey", .. }));
    assert!(unusable.to_string().contains("cannot be used: the shared access key is not valid base64"));
}

#[test]
fn connection_string_of_something_else_is_reported_as_such() {
    let policy = format!("SharedAccessKeyName=service;SharedAccessKey={SECRET}");
    for key in ["DeviceId", "moduleid", "x509"] {
        let of_a_device = format!("HostName=h;{key}=d;SharedAccessKey={SECRET}");
        assert_refused(
            &of_a_device,
            &format!("has the key `{key}` and so belongs to a device; use that of a"),
        );
    }
    assert_refused(
        "Endpoint=sb://h/;EntityPath=e",
        "`Endpoint` and so belongs to the hub's Event Hubs endpoint",
    );
    for host in ["global.azure-devices-provisioning.net", "Contoso.Azure-Devices-Provisioning.NET:443"] {
        for text in [format!("HostName={host};{policy}"), format!("HostName={host}")] {
            assert_refused(
                &text,
                "belongs to the device provisioning service; use that of a shared access policy",
            );
        }
    }
    let own = format!("HostName=azure-devices-provisioning.net.example;{policy}");
    assert!(own.parse::<ConnectionString>().is_ok());
}

#[test]
fn quotation_marks_and_a_shells_cut_are_reported_as_such() {
    assert_refused("\"HostName=h;SharedAccessKeyName=service\"", "begins with a quotation mark");
    assert_refused("HostName=contoso.azure-devices.net", "ends before its first `;`");
}

#[test]
fn unknown_key_is_shown_only_if_it_cannot_be_a_secret() {
    assert_refused(
        "HostName=h;SharedAccesKey=a",
        "an unknown key `SharedAccesKey` in part 2; its keys are HostName,",
    );
    assert_refused(&format!("HostName=h;{SECRET}=="), "an unknown key in part 2; its keys are HostName,");
    assert_refused(SECRET, "part 1 of the connection string is not `key=value`");
}
