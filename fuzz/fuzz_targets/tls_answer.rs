//! Arbitrary bytes as a TLS server's answer, and as a line of a log.
#![no_main]

use fullchain::explain::{Line, explain};
use fullchain::probe::{Answer, MAX_CERTIFICATES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let whole = Answer::parse(input);
    let end = Answer::at_end(input);
    if let Some(answer) = &whole {
        assert_eq!(*answer, end);
    }
    if let Answer::Hello(hello) = &end {
        assert!(hello.chain.len() <= MAX_CERTIFICATES);
        let length: usize = hello.chain.iter().map(|der| der.len()).sum();
        assert!(length <= input.len());
    }
    // What is known of a beginning does not change when more comes.
    for length in [input.len() / 2, input.len().saturating_sub(1)] {
        if let Some(early) = input.get(..length).and_then(Answer::parse) {
            assert_eq!(Some(early), whole);
        }
    }
    let text = String::from_utf8_lossy(input);
    if let Some(line) = Line::parse(&text) {
        assert!(!line.explanation.meaning.is_empty());
    }
    let _ = explain(&text);
});
