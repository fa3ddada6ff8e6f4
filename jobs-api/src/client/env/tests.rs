use super::*;

const STRING: &str = "HostName=h.net;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0";

fn from(variables: &[(&str, &str)]) -> Result<ClientBuilder, Error> {
    from_variables(&|name| {
        let value = variables.iter().find(|(key, _)| *key == name);
        Ok(value.map(|(_, value)| (*value).to_owned()))
    })
}

fn rule(variables: &[(&str, &str)]) -> String {
    match from(variables) {
        Err(Error::InvalidConfiguration { setting: "ClientBuilder::from_env", rule }) => rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn connection_string_has_precedence() {
    let shown = format!("{:?}", from(&[("IOTHUB_CONNECTION_STRING", STRING), ("IOTHUB_HOSTNAME", "i.net")]));
    assert!(shown.contains("https://h.net/") && shown.contains("SharedAccessKey"), "{shown}");
    assert!(matches!(from(&[("IOTHUB_CONNECTION_STRING", "a")]), Err(Error::ConnectionString(_))));
}

#[test]
fn error_names_the_missing_variables() {
    for variables in [&[][..], &[("IOTHUB_CONNECTION_STRING", " "), ("IOTHUB_HOSTNAME", "")]] {
        let rule = rule(variables);
        assert!(rule.contains("neither IOTHUB_CONNECTION_STRING nor IOTHUB_HOSTNAME is set"), "{rule}");
    }
}

#[cfg(not(feature = "entra"))]
#[test]
fn host_name_alone_needs_the_feature() {
    let rule = rule(&[("IOTHUB_HOSTNAME", "h.net")]);
    assert!(rule.contains("IOTHUB_CONNECTION_STRING is not set") && rule.contains("`entra`"), "{rule}");
}

#[cfg(feature = "entra")]
#[test]
fn host_name_alone_selects_an_entra_credential() {
    const IDS: [(&str, &str); 2] = [("AZURE_TENANT_ID", "72f988bf"), ("AZURE_CLIENT_ID", "c1")];
    for (more, ids) in [
        (&[][..], false),
        (&[("AZURE_CLIENT_ID", "c1")], false),
        (&[("AZURE_TOKEN_CREDENTIALS", "Dev\n")], false),
        (&[("AZURE_CLIENT_SECRET", "c2VjcmV0")], true),
    ] {
        let ids = if ids { &IDS[..] } else { &[] };
        let variables = [&[("IOTHUB_HOSTNAME", " h.net")], more, ids].concat();
        let shown = format!("{:?}", from(&variables).unwrap());
        assert!(shown.contains("https://h.net/") && shown.contains("Entra"), "{shown}");
        assert!(!shown.contains("c2VjcmV0"), "{shown}");
    }
}

#[cfg(feature = "entra")]
#[test]
fn missing_and_malformed_variables_are_named() {
    let host = ("IOTHUB_HOSTNAME", "h.net");
    let rule_of = |more: (&'static str, &'static str)| rule(&[host, more, ("AZURE_TENANT_ID", "72f988bf")]);
    for variable in ["AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_SECRET"] {
        let rule = rule_of((variable, "c2VjcmV0"));
        assert_eq!(rule, format!("{variable} is set, but AZURE_CLIENT_ID, which it requires, is not"));
    }
    assert!(rule_of(("AZURE_TOKEN_CREDENTIALS", "both")).contains("`dev` or `prod`"));
    let swapped =
        [("AZURE_CLIENT_SECRET", "72f988bf"), ("AZURE_TENANT_ID", "c2V~cmV0"), ("AZURE_CLIENT_ID", "c1")];
    let rule_of_swapped = rule(&[&[host], &swapped[..]].concat());
    assert!(rule_of_swapped.starts_with("AZURE_TENANT_ID must have only"), "{rule_of_swapped}");
    let of_managed_identity = rule(&[host, ("AZURE_CLIENT_ID", "c2V~cmV0")]);
    assert!(of_managed_identity.starts_with("AZURE_CLIENT_ID must have only"), "{of_managed_identity}");
    // The variables given here are not those of the process, which the credential reads.
    let unset = [
        host,
        ("AZURE_FEDERATED_TOKEN_FILE", "/no/such/file"),
        ("AZURE_TENANT_ID", "72f988bf"),
        ("AZURE_CLIENT_ID", "c1"),
    ];
    let reason = rule(&unset);
    assert!(reason.starts_with("the credential of Microsoft Entra ID cannot be created: "), "{reason}");
    let url = rule(&[("IOTHUB_HOSTNAME", "https://h.net")]);
    assert!(url.contains("IOTHUB_HOSTNAME must be a host name"), "{url}");
}
