//! Ratios that can be trusted on a noisy machine.
//!
//! The contestants take turns, round after round, and each ratio is the median of the rounds'
//! ratios: what slows the machine down slows both. Criterion measures one contestant after the
//! other, which is why it is not used here.

use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: usize = 31;
const ROUND: Duration = Duration::from_millis(12);

/// Something to be timed; what it returns is only there to be computed.
pub struct Contestant<'a> {
    pub name: &'a str,
    run: Box<dyn FnMut() + 'a>,
}

impl<'a> Contestant<'a> {
    pub fn new<T>(name: &'a str, mut run: impl FnMut() -> T + 'a) -> Self {
        Self {
            name,
            run: Box::new(move || {
                black_box(run());
            }),
        }
    }
}

/// What came of one contestant.
pub struct Figure {
    /// The median time of one run.
    pub time: Duration,
    /// The median of time / the first contestant's time, round by round.
    pub ratio: f64,
}

/// Times all contestants in turn; the first is what the others are held against.
pub fn measure(contestants: &mut [Contestant<'_>]) -> Vec<Figure> {
    let repetitions: Vec<u32> = contestants
        .iter_mut()
        .map(|contestant| repetitions(&mut contestant.run))
        .collect();
    let mut rounds: Vec<Vec<f64>> = vec![Vec::new(); contestants.len()];
    for _ in 0..ROUNDS {
        for (index, contestant) in contestants.iter_mut().enumerate() {
            let start = Instant::now();
            for _ in 0..repetitions[index] {
                (contestant.run)();
            }
            let time = start.elapsed().as_secs_f64() / f64::from(repetitions[index]);
            rounds[index].push(time);
        }
    }
    rounds
        .iter()
        .map(|times| {
            let ratios = times
                .iter()
                .zip(&rounds[0])
                .map(|(time, first)| time / first);
            Figure {
                time: Duration::from_secs_f64(median(times.clone())),
                ratio: median(ratios.collect()),
            }
        })
        .collect()
}

fn repetitions(run: &mut dyn FnMut()) -> u32 {
    run();
    let start = Instant::now();
    run();
    let once = start.elapsed().max(Duration::from_nanos(50));
    u32::try_from(ROUND.as_nanos() / once.as_nanos())
        .unwrap_or(u32::MAX)
        .max(1)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
