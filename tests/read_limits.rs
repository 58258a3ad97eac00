//! Input beyond the limits is refused with an error that names source and limit.

mod common;

use std::fs;
use std::io::{self, Read};

use common::pki::{Ca, pem_block};
use fullchain::{Error, Reader};

/// Counts what is taken from it, and never ends.
struct Endless(usize);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(b'-');
        self.0 += buffer.len();
        Ok(buffer.len())
    }
}

fn is_too_long<T>(result: Result<T, Error>, name: &str, owed: usize) {
    let Err(error) = result else {
        panic!("{name}: {owed} bytes were exceeded")
    };
    let Error::TooManyBytes { source_name, limit } = &error else {
        panic!("{name}: {error}")
    };
    assert_eq!((source_name.as_str(), *limit), (name, owed));
    let said = error.to_string();
    assert!(
        said.contains(name) && said.contains(&owed.to_string()),
        "{said}"
    );
}

fn has_too_many<T>(result: Result<T, Error>, owed: usize) {
    let Err(Error::TooManyBlocks { source_name, limit }) = result else {
        panic!("{owed} blocks were exceeded")
    };
    assert_eq!((source_name.as_str(), limit), ("pile", owed));
}

#[test]
fn bytes_are_limited_over_all_sources() {
    let reader = Reader::new().max_bytes(100);
    assert!(reader.clone().read("x", &[b'-'; 100]).is_ok());
    is_too_long(reader.clone().read("x", &[b'-'; 101]), "x", 100);
    let mut reader = reader;
    assert!(reader.read("first", &[b'-'; 60]).is_ok());
    is_too_long(reader.read("second", &[b'-'; 41]), "second", 100);
    assert!(reader.read("third", &[b'-'; 40]).is_ok());
    is_too_long(reader.read("fourth", b"-"), "fourth", 100);
}

#[test]
fn a_stream_is_read_no_further_than_the_limit() {
    for limit in [0, 1, 1_000, 65_536, 200_000] {
        let mut stream = Endless(0);
        let mut reader = Reader::new().max_bytes(limit);
        is_too_long(reader.read_from("stdin", &mut stream), "stdin", limit);
        assert_eq!(stream.0, limit + 1);
        let whole = io::repeat(b'-').take(u64::try_from(limit).expect("small"));
        assert!(reader.read_from("stdin", whole).is_ok(), "{limit}");
    }
}

#[test]
fn a_file_is_read_no_further_than_the_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("site.pem");
    fs::write(&path, [b'-'; 1_000]).expect("a file");
    let name = path.to_str().expect("UTF-8");
    assert!(Reader::new().max_bytes(1_000).read_path(&path).is_ok());
    is_too_long(Reader::new().max_bytes(999).read_path(&path), name, 999);
    is_too_long(
        Reader::new().max_bytes(999).read_path(folder.path()),
        name,
        999,
    );
}

#[test]
fn blocks_are_limited_over_all_sources_and_however_they_are_written() {
    let leaf = Ca::root("Root").leaf_named("www.example.com");
    let certificate = &leaf.cert_pem;
    let base64: String = certificate
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let lost_begin = certificate.replace("-----BEGIN CERTIFICATE-----\n", "");
    let wrapped: String = pem_block("X", certificate.as_bytes())
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    for (name, block) in [
        ("clean", certificate.as_bytes().to_vec()),
        ("CR LF", certificate.replace('\n', "\r\n").into()),
        ("DER", leaf.cert_der.clone()),
        ("bare", format!("{base64}\n\n").into()),
        ("without BEGIN", lost_begin.into()),
        ("wrapped", format!("{wrapped}\n\n").into()),
        ("cut", b"-----BEGIN CERTIFICATE-----\nMIIB\n".to_vec()),
        ("empty", b"-----BEGIN CERTIFICATE-----\n".to_vec()),
        ("END", b"-----END CERTIFICATE-----\n".to_vec()),
        ("cut and bare", format!("{}\n\n", &base64[..200]).into()),
    ] {
        let read = |limit: usize, count: usize| {
            let source = block.repeat(count);
            Reader::new().max_blocks(limit).read("pile", &source)
        };
        let exact = read(3, 3).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!exact.is_empty(), "{name}");
        has_too_many(read(3, 4), 3);
        let mut reader = Reader::new().max_blocks(3);
        assert!(reader.read("first", &block.repeat(2)).is_ok(), "{name}");
        has_too_many(reader.read("pile", &block.repeat(2)), 3);
    }
}
