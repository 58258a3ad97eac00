//! The doctor, by the library: what `tests/doctor_faults` does not show.

mod common;

use std::fs;

use common::pki::{Ca, LeafOptions};
use fullchain::Code;
use fullchain::doctor::Doctor;
use fullchain::haproxy::config::{File, Reader};
use rustls_pki_types::UnixTime;

#[test]
fn a_key_that_is_given_as_a_crt_list_or_as_the_configuration_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let leaf = Ca::root("Root").leaf(LeafOptions::named("www.example.com"));
    for (name, before) in [("key.pem", ""), ("bag.pem", "Bag Attributes: x\n")] {
        let path = folder.path().join(name);
        fs::write(&path, before.to_owned() + &leaf.key_pem).unwrap();
        let list = format!("frontend f\n bind :1 ssl crt-list {}\n", path.display());
        let files = [
            File::new("list.cfg", list),
            File::new(name, fs::read(&path).unwrap()),
        ];
        let config = Reader::new().read(&files).unwrap();
        let examination = Doctor::new(UnixTime::now()).examine(&config, &files);
        assert!(!examination.starts());
        let shown = examination.diagnoses.iter();
        let shown: String = shown.map(ToString::to_string).collect();
        let shown = shown + &format!("{examination:?}");
        let mut inner = leaf.key_pem.lines().filter(|it| !it.starts_with('-'));
        assert!(inner.all(|line| !shown.contains(line)), "{shown}");
    }
}

/// Each of these answers once all are asked, and asked one after the other none would.
#[cfg(feature = "probe")]
#[test]
fn servers_are_asked_at_the_same_time_and_told_of_in_their_order() {
    use std::net::TcpListener;
    use std::sync::{Arc, Barrier};
    use std::thread;
    use std::time::Duration;

    const SERVERS: usize = 16;
    let barrier = Arc::new(Barrier::new(SERVERS));
    let mut text = "backend all\n".to_owned();
    for number in 0..SERVERS {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        text += &format!("    server s{number} {address} ssl verify none\n");
        let barrier = Arc::clone(&barrier);
        thread::spawn(move || {
            let first = listener.accept().unwrap();
            barrier.wait();
            drop(first);
            listener.incoming().for_each(drop);
        });
    }
    let files = [File::new("all.cfg", text)];
    let config = Reader::new().read(&files).unwrap();
    let doctor = Doctor::new(UnixTime::now()).live(Duration::from_secs(5));
    let examination = doctor.examine(&config, &files);
    let of_live = examination.diagnoses.iter().filter(|it| {
        let code = it.finding.code.as_str();
        code.starts_with("backend-") && code != "backend-unverified"
    });
    let told: Vec<String> = of_live
        .map(|it| {
            let line = it.finding.origin.as_ref().and_then(|it| it.first_line());
            format!("{} {}", it.finding.code, line.unwrap_or(0))
        })
        .collect();
    let expected = (0..SERVERS).map(|number| format!("backend-plain {}", number + 2));
    assert_eq!(told, expected.collect::<Vec<_>>());
}

#[test]
fn expressions_and_names_in_their_places_are_left_alone() {
    let lines = [
        "sni req.ssl_sni",
        "sni ssl_fc_sni",
        "sni req.hdr(host)",
        "sni var(txn.host)",
        "sni str(a.example) check check-sni a.example",
        "verifyhost a.example",
    ];
    for line in lines {
        let text = format!("backend b\n server a 127.0.0.1:443 ssl verify none {line}\n");
        let files = [File::new("a.cfg", text)];
        let config = Reader::new().read(&files).unwrap();
        let examination = Doctor::new(UnixTime::now()).examine(&config, &files);
        assert!(examination.starts(), "{line}");
        let said = examination.with_code(Code::SniExpression).count();
        assert_eq!(said, 0, "{line}");
    }
}
