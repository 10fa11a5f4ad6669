//! What a file is called, for records and statements.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde::Deserialize;

use super::java;
use crate::limits;

/// Name and version of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    /// The name.
    pub name: String,
    /// The version, where there is one.
    pub version: Option<String>,
}

impl FileName {
    /// What the file says of itself (`Chart.yaml` of a Helm chart, `pom.properties` or the manifest of an archive of
    /// Java), or what its name says, as in `shop-1.2.3.tar.gz`. `file` is the last part of its path.
    pub fn detect(file: &str, content: &[u8]) -> Self {
        let lower = file.to_ascii_lowercase();
        let inside = if lower.ends_with(".tgz") || lower.ends_with(".tar.gz") {
            chart(content)
        } else if [".jar", ".war", ".ear"].iter().any(|end| lower.ends_with(end)) {
            java::name_and_version(content)
        } else {
            None
        };
        match inside.filter(|(name, version)| is_plain(name) && is_plain(version)) {
            Some((name, version)) => Self { name, version: Some(version) },
            None => Self::of_path(file),
        }
    }

    /// What the name of a file says.
    pub fn of_path(file: &str) -> Self {
        const ENDS: [&str; 12] = [
            ".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2", ".tgz", ".tar", ".zip", ".jar", ".war", ".ear", ".apk",
            ".whl",
        ];
        let stem = ENDS.iter().find_map(|end| file.strip_suffix(end)).unwrap_or(file);
        // The version is what begins with a digit after the first `-` where that is so.
        let cut = stem.char_indices().find_map(|(at, c)| {
            let rest = stem.get(at.checked_add(1)?..)?;
            let number = rest.strip_prefix('v').unwrap_or(rest);
            (c == '-' && at > 0 && number.starts_with(|c: char| c.is_ascii_digit())).then_some((at, rest))
        });
        match cut {
            Some((at, version)) if stem.len() != file.len() => {
                Self { name: stem.get(..at).unwrap_or(stem).to_owned(), version: Some(version.to_owned()) }
            }
            Some(_) | None => Self { name: file.to_owned(), version: None },
        }
    }
}

/// One line that can be read.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && !text.chars().any(char::is_control)
}

/// Name and version of a Helm chart: `NAME/Chart.yaml` in a compressed tarball.
fn chart(content: &[u8]) -> Option<(String, String)> {
    #[derive(Deserialize)]
    struct Chart {
        name: String,
        version: String,
    }
    let most = u64::try_from(limits::ARCHIVE_BYTES).ok()?;
    let mut archive = tar::Archive::new(GzDecoder::new(content).take(most));
    for entry in archive.entries().ok()?.take(limits::ARCHIVE_ENTRIES) {
        let entry = entry.ok()?;
        let is_chart = entry.path().is_ok_and(|path| {
            let path = path.strip_prefix(".").unwrap_or(&path);
            path.components().count() == 2 && path.file_name().is_some_and(|name| name == "Chart.yaml")
        });
        if !is_chart {
            continue;
        }
        if usize::try_from(entry.size()).ok()? > limits::ARCHIVE_FILE_BYTES {
            return None;
        }
        let mut text = String::new();
        entry.take(u64::try_from(limits::ARCHIVE_FILE_BYTES).ok()?).read_to_string(&mut text).ok()?;
        let chart: Chart = serde_saphyr::from_str(&text).ok()?;
        return Some((chart.name, chart.version));
    }
    None
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn tarball(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(u64::try_from(text.len()).unwrap());
            header.set_cksum();
            builder.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn name(name: &str, version: &str) -> FileName {
        FileName { name: name.to_owned(), version: Some(version.to_owned()).filter(|version| !version.is_empty()) }
    }

    #[test]
    fn names_of_files() {
        for (file, expected) in [
            ("shop-1.2.3.tar.gz", name("shop", "1.2.3")),
            ("shop-server-v2.0.0-rc.1.tgz", name("shop-server", "v2.0.0-rc.1")),
            ("shop.tar.gz", name("shop.tar.gz", "")),
            ("shop-1.2.3.yaml", name("shop-1.2.3.yaml", "")),
            ("-1.tar", name("-1.tar", "")),
            ("shop-1.war", name("shop", "1")),
            ("deployment.yaml", name("deployment.yaml", "")),
            ("ä-1.zip", name("ä", "1")),
        ] {
            assert_eq!(FileName::of_path(file), expected);
        }
    }

    #[test]
    fn charts_and_archives_say_it_themselves() {
        let yaml = "apiVersion: v2\nname: shop\nversion: 1.2.3+x\nappVersion: '9'\n";
        let chart =
            tarball(&[("shop/values.yaml", "{}"), ("shop/Chart.yaml", yaml), ("shop/charts/a/Chart.yaml", "x")]);
        assert_eq!(FileName::detect("other-9.tgz", &chart), name("shop", "1.2.3+x"));
        let nested = tarball(&[("shop/charts/a/Chart.yaml", yaml)]);
        assert_eq!(FileName::detect("other-9.tgz", &nested), name("other", "9"));
        let odd = tarball(&[("shop/Chart.yaml", "name: \"a\\nb\"\nversion: \"1\"\n")]);
        assert_eq!(FileName::detect("other-9.tgz", &odd), name("other", "9"));
        assert_eq!(FileName::detect("other-9.tgz", b"no gzip"), name("other", "9"));
        let manifest = "Implementation-Title: shop\nImplementation-Version: 4\n";
        let jar = java::tests::zip(&[("META-INF/MANIFEST.MF", manifest)]);
        assert_eq!(FileName::detect("a.jar", &jar), name("shop", "4"));
        assert_eq!(FileName::detect("a.zip", &jar), name("a.zip", ""));
    }
}
