use super::*;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn text(token: &AccessToken) -> &str {
    token.header().to_str().unwrap()
}

fn sign(policy: &str, key: &str, audience: &str, expiry: i64) -> String {
    let token = SharedAccessKey::new(policy, key).unwrap().sign(audience, at(expiry)).unwrap();
    text(&token).to_owned()
}

// The expected tokens come from Python's standard library:
//
//   import base64, hashlib, hmac, urllib.parse
//   def sas(host, policy, key, se):
//       quote = lambda s: urllib.parse.quote(s, safe='~')
//       sr = quote(host.lower())
//       mac = hmac.new(base64.b64decode(key), f'{sr}\n{se}'.encode(), hashlib.sha256)
//       sig = quote(base64.b64encode(mac.digest()).decode())
//       return f'SharedAccessSignature sr={sr}&sig={sig}&se={se}&skn={quote(policy)}'
#[test]
fn token_equals_that_of_another_implementation() {
    assert_eq!(
        sign("service", "c2VjcmV0", "contoso.azure-devices.net", 1_700_003_600),
        "SharedAccessSignature sr=contoso.azure-devices.net&sig=3YF4sA8ZJXmMnuuY6ErBaXzbygFSynXHSpv5M1qEl6A%3D&se=1700003600&skn=service"
    );
    assert_eq!(
        sign(
            "ops@night shift",
            "+/8A+/8A+/8A+/8A+/8A+/8A+/8A+/8A+/8A+/8A+w==",
            "Contoso.Azure-Devices.US",
            4_102_444_800
        ),
        "SharedAccessSignature sr=contoso.azure-devices.us&sig=hiG7GyRO%2BQpCo%2BG8ycgg8nj%2B7W3cGOWgRni%2B%2F1SpAkE%3D&se=4102444800&skn=ops%40night%20shift"
    );
}

/// Cases 1 to 4, 6 and 7 of RFC 4231; case 5 truncates.
#[test]
fn hmac_equals_the_vectors_of_rfc_4231() {
    let increasing: Vec<u8> = (1..=25).collect();
    for (key, data, expected) in [
        (&[0x0b; 20][..], &b"Hi There"[..], "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (&increasing, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            &[0xaa; 131],
            b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ),
    ] {
        let mac: String = HMAC::mac(data, key).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(mac, expected);
    }
}

#[test]
fn invalid_key_is_an_error_that_hides_it() {
    for (policy, key, reason) in [
        ("service", "not base64!", "the shared access key is not valid base64; copy the whole"),
        ("service", "c2VjcmV0c", "the shared access key is not valid base64; copy the whole"),
        ("service", "", "the shared access key is empty"),
        ("", "c2VjcmV0", "the name of the shared access policy is empty"),
    ] {
        let error = SharedAccessKey::new(policy, key).err().unwrap().to_string();
        assert!(error.starts_with(reason) && !error.contains("not base64!"), "{error}");
    }
}

#[test]
fn signature_is_parsed_with_its_fields_in_any_order() {
    for input in [
        "SharedAccessSignature sr=hub.azure-devices.net&sig=a%3D&se=100&skn=service",
        " SharedAccessSignature se=100&skn=service&sig=a%3D&sr=HUB.azure-devices.net%2Fjobs ",
        "SharedAccessSignature sig=a%3D&se=100&sr=hub.azure-devices.net",
    ] {
        let signature = SharedAccessSignature::parse(input, NOW).unwrap();
        let token = signature.token("hub.azure-devices.net", NOW).unwrap();
        assert_eq!(text(&token), input.trim());
        assert!(token.header().is_sensitive() && signature.is_source_of(&token));
        assert!(!signature.is_source_of(&AccessToken::new(input.trim().into()).unwrap()));
    }
}

#[test]
fn text_that_is_no_signature_is_an_error() {
    let error = |text: &str| SharedAccessSignature::parse(text, NOW).err().unwrap();
    for (text, reason) in [
        ("", "does not begin with `SharedAccessSignature `"),
        ("Bearer abc", "does not begin with `SharedAccessSignature `"),
        ("SharedAccessSignature sr=h&sig=a\nb&se=1", "characters that an HTTP header cannot have"),
        ("SharedAccessSignature sr=h&sig=é&se=1", "characters that an HTTP header cannot have"),
        ("SharedAccessSignature a", "lacks the field `sig`"),
        ("SharedAccessSignature sig=&se=1&sr=h", "lacks the field `sig`"),
        ("SharedAccessSignature sig=a&sr=h", "lacks the field `se`"),
        ("SharedAccessSignature sig=a&se=1", "lacks the field `sr`"),
        ("SharedAccessSignature sig=a&se=soon&sr=h", "`se` of the shared access signature is not a time"),
        ("SharedAccessSignature sig=a&se=18446744073709551615&sr=h", "is not a time in seconds"),
        ("SharedAccessSignature sig=a&se=9223372036854775807&sr=h", "is not a time in seconds"),
    ] {
        assert!(matches!(error(text), CredentialError::Malformed(shown) if shown.contains(reason)), "{text}");
    }
    for past in [-1, 0] {
        let past_token = format!("SharedAccessSignature sig=a&se={past}&sr=h");
        assert_eq!(error(&past_token), CredentialError::Expired(at(past)));
    }
}

#[test]
fn signature_that_expired_or_is_for_another_host_is_an_error() {
    let input = "SharedAccessSignature sr=hub.net&sig=a&se=100";
    let signature = SharedAccessSignature::parse(input, NOW).unwrap();
    assert_eq!(signature.token("hub.net", at(100)).err().unwrap(), CredentialError::Expired(at(100)));
    assert!(signature.token("hub.net", at(99)).is_ok());
    assert!(signature.token("HUB.net", NOW).is_ok());
    let other = signature.token("evil.hub.net", NOW).err().unwrap();
    assert!(matches!(other, CredentialError::OtherHost { .. }));
}
