//! Name and version of an archive of Java (JAR, WAR, EAR): the one or two small files in it that say them.
//!
//! The archive is somebody else's. Nothing of it is believed: what is found becomes a name in a record and in a
//! statement, whose subject is the digest of the whole. Everything that is read is bounded first.

use std::io::Read as _;

use flate2::read::DeflateDecoder;

use crate::limits;

/// <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, 4.3.16, 4.3.12 and 4.3.7
const END: &[u8] = b"PK\x05\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";

/// The name and version, from `pom.properties` where there is exactly one, or else from the manifest.
pub(super) fn name_and_version(archive: &[u8]) -> Option<(String, String)> {
    let entries = entries(archive)?;
    let is_pom = |name: &str| name.starts_with("META-INF/maven/") && name.ends_with("/pom.properties");
    let mut poms = entries.iter().filter(|entry| is_pom(entry.name));
    // A jar with others' classes in it has their files too.
    if let (Some(pom), None) = (poms.next(), poms.next())
        && let Some(text) = content(archive, pom)
        && let (Some(name), Some(version)) = (property(&text, "artifactId"), property(&text, "version"))
    {
        return Some((name, version));
    }
    let manifest = entries.iter().find(|entry| entry.name == "META-INF/MANIFEST.MF")?;
    let text = content(archive, manifest)?;
    let name = ["Implementation-Title", "Bundle-SymbolicName", "Specification-Title"];
    let version = ["Implementation-Version", "Bundle-Version", "Specification-Version"];
    let header = |names: &[&str]| names.iter().find_map(|name| attribute(&text, name));
    Some((header(&name)?, header(&version)?))
}

struct Entry<'a> {
    name: &'a str,
    method: u16,
    compressed: usize,
    size: usize,
    offset: usize,
}

/// The entries of the central directory.
fn entries(archive: &[u8]) -> Option<Vec<Entry<'_>>> {
    // The record at the end may be followed by a comment of 64 KiB at most.
    let tail = archive.len().saturating_sub(22 + 0xffff);
    let last = archive.get(tail..)?.windows(END.len()).rposition(|window| window == END)?;
    let end = archive.get(tail.checked_add(last)?..)?;
    // The record is whole: the length of the comment is its last field.
    half(end, 20)?;
    let count = usize::from(half(end, 10)?);
    if count > limits::ARCHIVE_ENTRIES {
        return None;
    }
    let mut at = usize::try_from(word(end, 16)?).ok()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let entry = archive.get(at..)?;
        if !entry.starts_with(ENTRY) {
            return None;
        }
        let (name, extra, comment) = (half(entry, 28)?, half(entry, 30)?, half(entry, 32)?);
        let name_end = usize::from(name).checked_add(46)?;
        if let Ok(name) = str::from_utf8(entry.get(46..name_end)?) {
            entries.push(Entry {
                name,
                method: half(entry, 10)?,
                compressed: usize::try_from(word(entry, 20)?).ok()?,
                size: usize::try_from(word(entry, 24)?).ok()?,
                offset: usize::try_from(word(entry, 42)?).ok()?,
            });
        }
        at = at.checked_add(name_end)?.checked_add(usize::from(extra))?.checked_add(usize::from(comment))?;
    }
    Some(entries)
}

/// The text of one small entry.
fn content(archive: &[u8], entry: &Entry<'_>) -> Option<String> {
    if entry.size > limits::ARCHIVE_FILE_BYTES {
        return None;
    }
    let local = archive.get(entry.offset..)?;
    if !local.starts_with(LOCAL) {
        return None;
    }
    let start = usize::from(half(local, 26)?).checked_add(usize::from(half(local, 28)?))?.checked_add(30)?;
    let data = local.get(start..start.checked_add(entry.compressed)?)?;
    let bytes = match entry.method {
        0 => data.to_vec(),
        8 => {
            let mut bytes = Vec::new();
            let most = u64::try_from(limits::ARCHIVE_FILE_BYTES).ok()?.checked_add(1)?;
            DeflateDecoder::new(data).take(most).read_to_end(&mut bytes).ok()?;
            bytes
        }
        _ => return None,
    };
    (bytes.len() == entry.size).then(|| String::from_utf8(bytes).ok())?
}

/// A line `name=value` of a file of properties.
fn property(text: &str, name: &str) -> Option<String> {
    let value = text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })?;
    (!value.is_empty()).then_some(value)
}

/// A line `Name: value` of the main section of a manifest; a line that begins with a blank goes on the one before.
fn attribute(text: &str, name: &str) -> Option<String> {
    let mut found: Option<String> = None;
    for line in text.lines().take_while(|line| !line.trim().is_empty()) {
        match (&mut found, line.strip_prefix(' ')) {
            (Some(value), Some(more)) => value.push_str(more),
            (Some(_), None) => break,
            (None, _) => {
                let Some((key, value)) = line.split_once(':') else { continue };
                if key.eq_ignore_ascii_case(name) {
                    found = Some(value.trim_start().to_owned());
                }
            }
        }
    }
    // `Bundle-SymbolicName: org.example.app;singleton:=true`
    let value = found?.split(';').next().unwrap_or_default().trim().to_owned();
    (!value.is_empty()).then_some(value)
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    /// An archive as the tool of Java writes it, but for the checksums, which nobody reads here.
    pub(in crate::signer) fn zip(files: &[(&str, &str)]) -> Vec<u8> {
        let (mut body, mut directory) = (Vec::new(), Vec::new());
        for (name, text) in files {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(text.as_bytes()).unwrap();
            let data = encoder.finish().unwrap();
            let sizes = |out: &mut Vec<u8>| {
                out.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
                out.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
                out.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
                out.extend(0_u16.to_le_bytes());
            };
            let offset = u32::try_from(body.len()).unwrap();
            body.extend(LOCAL);
            body.extend([20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            sizes(&mut body);
            body.extend(name.as_bytes());
            body.extend(&data);
            directory.extend(ENTRY);
            directory.extend([20, 0, 20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            sizes(&mut directory);
            directory.extend([0; 10]);
            directory.extend(offset.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let start = u32::try_from(body.len()).unwrap();
        let count = u16::try_from(files.len()).unwrap();
        let size = u32::try_from(directory.len()).unwrap();
        body.extend(directory);
        body.extend(END);
        body.extend([0; 4]);
        body.extend(count.to_le_bytes());
        body.extend(count.to_le_bytes());
        body.extend(size.to_le_bytes());
        body.extend(start.to_le_bytes());
        body.extend([0; 2]);
        body
    }

    const POM: &str = "#Generated\nversion=1.2.3\ngroupId=org.example\nartifactId = shop\n";
    const MANIFEST: &str = "Manifest-Version: 1.0\r\nImplementation-Title: a name that goes \r\n on\r\nImplementation-Version: 2\r\n\r\nName: x\r\n";

    #[test]
    fn reads_what_says_name_and_version() {
        let pom = "META-INF/maven/org.example/shop/pom.properties";
        let other = "META-INF/maven/org.example/other/pom.properties";
        let manifest = "META-INF/MANIFEST.MF";
        type Row<'a> = (&'a [(&'a str, &'a str)], Option<(&'a str, &'a str)>);
        let rows: [Row<'_>; 6] = [
            (&[("a.class", "x"), (pom, POM), (manifest, MANIFEST)], Some(("shop", "1.2.3"))),
            (&[(manifest, MANIFEST)], Some(("a name that goes on", "2"))),
            (&[(pom, POM), (other, POM), (manifest, MANIFEST)], Some(("a name that goes on", "2"))),
            (&[(pom, "version=1"), (manifest, MANIFEST)], Some(("a name that goes on", "2"))),
            (&[(manifest, "Bundle-SymbolicName: a.b;x:=y\nBundle-Version: 3\n")], Some(("a.b", "3"))),
            (&[(manifest, "Manifest-Version: 1.0\n")], None),
        ];
        for (files, expected) in rows {
            let found = name_and_version(&zip(files));
            assert_eq!(found.as_ref().map(|(name, version)| (name.as_str(), version.as_str())), expected);
        }
    }

    #[test]
    fn broken_archives_have_no_name() {
        let whole = zip(&[("META-INF/MANIFEST.MF", MANIFEST)]);
        for cut in 0..whole.len() {
            assert_eq!(name_and_version(&whole[..cut]), None, "{cut}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            let _ = name_and_version(&changed);
        }
        let bomb = zip(&[("META-INF/MANIFEST.MF", &"a".repeat(limits::ARCHIVE_FILE_BYTES + 1))]);
        assert_eq!(name_and_version(&bomb), None);
    }
}
