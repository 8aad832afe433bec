//! Makes the files that `docs-file-get` serves: Swagger UI's, out of the archive in the crate
//! `utoipa-swagger-ui-vendored`, and our own beside them. All are gzip, in `OUT_DIR`.
//!
//! At build time, so that the binary holds a quarter of the archive and a process has nothing to
//! unpack.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

const SWAGGER_UI: [&str; 2] = ["swagger-ui-bundle.js", "swagger-ui.css"];
const OURS: [&str; 2] = ["page.css", "start.js"];

/// Where they are in the archive. With another version the build fails, and says so.
const DISTRIBUTION: &str = "swagger-ui-5.32.6/dist";

/// The header of gzip (RFC 1952) for a deflated body: no name, no time, an unknown system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

type Archive = ZipArchive<Cursor<&'static [u8]>>;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for name in SWAGGER_UI {
        write(&out, name, &from_archive(&mut archive, name)?)?;
    }
    println!("cargo::rerun-if-changed=docs/build.rs");
    for name in OURS {
        let path = Path::new("docs").join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&fs::read(path)?)?;
        write(&out, name, &gzip.finish()?)?;
    }
    Ok(())
}

/// A file of the archive as gzip. The archive has it deflated, with its checksum and its length, so
/// nothing is compressed again.
fn from_archive(archive: &mut Archive, name: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let path = format!("{DISTRIBUTION}/{name}");
    let index = archive.index_for_name(&path);
    let index = index.ok_or_else(|| format!("the archive has no {path}"))?;
    let mut entry = archive.by_index_raw(index)?;
    let mut gzip = GZIP_HEADER.to_vec();
    entry.read_to_end(&mut gzip)?;
    gzip.extend(entry.crc32().to_le_bytes());
    gzip.extend(u32::try_from(entry.size())?.to_le_bytes());
    Ok(gzip)
}

/// Writes a file that can be decompressed.
fn write(out: &Path, name: &str, gzip: &[u8]) -> Result<(), Box<dyn Error>> {
    io::copy(&mut GzDecoder::new(gzip), &mut io::sink())?;
    fs::write(out.join(format!("{name}.gz")), gzip)?;
    Ok(())
}
