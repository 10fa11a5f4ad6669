use super::*;

const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

#[test]
fn good_references_print_as_they_are_written() {
    let arn = format!("arn:aws:kms:eu-central-1:111122223333:key/{ID}");
    for text in [
        format!("awskms:///{ID}"),
        "awskms:///mrk-1234abcd12ab34cd56ef1234567890ab".to_owned(),
        "awskms:///alias/team/cosign_key-1".to_owned(),
        format!("awskms:///{arn}"),
        "awskms:///arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/cosign".to_owned(),
        format!("awskms://localhost:4566/{ID}"),
        "awskms://vpce-0.kms.eu-central-1.vpce.amazonaws.com/alias/x".to_owned(),
        "azurekms://acme.vault.azure.net/cosign".to_owned(),
        "azurekms://acme-1.managedhsm.azure.net/cosign/0123456789abcdef0123456789abcdef".to_owned(),
        "azurekms://acme.vault.azure.cn/cosign".to_owned(),
        "gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k".to_owned(),
        "gcpkms://projects/example.com:p-1/locations/europe-west3/keyRings/r_1/cryptoKeys/k-2/cryptoKeyVersions/12"
            .to_owned(),
        "hashivault://cosign".to_owned(),
        "hashivault://a".to_owned(),
        "openbao://team.cosign-2_x".to_owned(),
    ] {
        let key: KmsKey = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(key.to_string(), text);
        assert!(KmsKey::claims(&text));
    }
}

#[test]
fn the_parts_are_told_apart() {
    let aws = |text: &str| match text.parse() {
        Ok(KmsKey::Aws(key)) => key,
        other => panic!("{text}: {other:?}"),
    };
    let key = aws("awskms:///arn:aws:kms:eu-central-1:111122223333:alias/cosign");
    assert_eq!(key.region(), Some("eu-central-1"));
    assert_eq!(key.id(), "arn:aws:kms:eu-central-1:111122223333:alias/cosign");
    assert_eq!(key.endpoint(), None);
    let key = aws("awskms://localhost:4566/alias/cosign");
    assert_eq!((key.region(), key.endpoint().map(KeyHost::as_str)), (None, Some("localhost:4566")));

    let short = "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k/versions/3";
    let Ok(KmsKey::Google(key)) = short.parse() else { panic!("{short}") };
    assert_eq!((key.key(), key.version()), ("projects/p/locations/l/keyRings/r/cryptoKeys/k", Some(3)));

    let text = "azurekms://acme.vault.usgovcloudapi.net/cosign";
    let Ok(KmsKey::Azure(key)) = text.parse() else { panic!("{text}") };
    assert_eq!((key.domain(), key.name(), key.version()), ("vault.usgovcloudapi.net", "cosign", None));
}

#[test]
fn everything_else_is_refused() {
    let google = "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k";
    for (text, part) in [
        ("cosign.pub".to_owned(), "no scheme"),
        ("pkcs11://x".to_owned(), "`pkcs11://` are not supported"),
        ("AWSKMS:///alias/x".to_owned(), "`AWSKMS://` are not supported"),
        ("awskms://".to_owned(), "no `/`"),
        ("awskms://alias/".to_owned(), "neither an id nor an alias"),
        ("awskms:///".to_owned(), "neither an id nor an alias"),
        ("awskms:///alias/".to_owned(), "neither an id nor an alias"),
        ("awskms:///alias/a b".to_owned(), "neither an id nor an alias"),
        ("awskms:///1234abcd".to_owned(), "neither an id nor an alias"),
        ("awskms:///1234ABCD-12ab-34cd-56ef-1234567890ab".to_owned(), "neither an id nor an alias"),
        (format!("awskms:///{ID}/x"), "neither an id nor an alias"),
        ("awskms://user@host/alias/x".to_owned(), "no host with a port"),
        ("awskms://host:0/alias/x".to_owned(), "no host with a port"),
        ("awskms://host:99999/alias/x".to_owned(), "no host with a port"),
        ("awskms://host:+80/alias/x".to_owned(), "no host with a port"),
        ("awskms://HOST/alias/x".to_owned(), "no host with a port"),
        ("awskms://a..b/alias/x".to_owned(), "no host with a port"),
        (format!("awskms:///arn:aws:kms::111122223333:key/{ID}"), "names no region"),
        (format!("awskms:///arn:aws:kms:evil.com/:111122223333:key/{ID}"), "names no region"),
        (format!("awskms:///arn:aws:s3:eu-central-1:111122223333:key/{ID}"), "none of a key"),
        (format!("awskms:///arn:aws:kms:eu-central-1:11112222333:key/{ID}"), "none of a key"),
        (format!("awskms:///arn:awsx:kms:eu-central-1:111122223333:key/{ID}"), "none of a key"),
        (format!("awskms:///arn:aws:kms:eu-central-1:111122223333:grant/{ID}"), "none of a key"),
        ("awskms:///arn:aws:kms:eu-central-1:111122223333:key/alias".to_owned(), "neither an id nor an alias"),
        ("azurekms://acme.vault.azure.net".to_owned(), "name of the key"),
        ("azurekms://acme.vault.azure.net/".to_owned(), "name of the key"),
        ("azurekms://acme.vault.azure.net/a_b".to_owned(), "name of the key"),
        ("azurekms://acme.vault.azure.net/a/".to_owned(), "version is not"),
        ("azurekms://acme.vault.azure.net/a/b/c".to_owned(), "more parts"),
        ("azurekms://acme.vault.azure.net.evil.com/a".to_owned(), "no key vault"),
        ("azurekms://evil.com/.vault.azure.net/a".to_owned(), "no key vault"),
        ("azurekms://vault.azure.net/a".to_owned(), "no key vault"),
        ("azurekms://a.b.vault.azure.net/a".to_owned(), "no key vault"),
        ("azurekms://acme.vault.azure.net:444/a".to_owned(), "no key vault"),
        ("azurekms://evil.com#.vault.azure.net/a".to_owned(), "no key vault"),
        ("gcpkms://projects/p/locations/l/keyRings/r".to_owned(), "not made of these parts"),
        ("gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/".to_owned(), "no such name"),
        ("gcpkms://projects/../locations/l/keyRings/r/cryptoKeys/k?".to_owned(), "no such name"),
        (format!("{google}/cryptoKeyVersions/"), "no number"),
        (format!("{google}/cryptoKeyVersions/0"), "no number"),
        (format!("{google}/cryptoKeyVersions/01"), "no number"),
        (format!("{google}/cryptoKeyVersions/+1"), "no number"),
        (format!("{google}/cryptoKeyVersions"), "no version"),
        (format!("{google}/importJobs/1"), "no version"),
        (format!("{google}/cryptoKeyVersions/1/x"), "no version"),
        ("hashivault://".to_owned(), "name of the key"),
        ("hashivault://a/b".to_owned(), "name of the key"),
        ("hashivault://..".to_owned(), "name of the key"),
        ("hashivault://a?b".to_owned(), "name of the key"),
        ("openbao://-a".to_owned(), "name of the key"),
        (format!("hashivault://{}", "a".repeat(limits::KMS_REFERENCE_BYTES)), "more than"),
    ] {
        let error = text.parse::<KmsKey>().expect_err(&text).to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}
