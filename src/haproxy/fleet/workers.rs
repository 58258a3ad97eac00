//! The threads of a fleet, and the order of their results.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::{Checked, Fleet};
use crate::base::cancel::Cancel;

/// So many files are taken at a time at the most, and their results given: waking a thread costs as
/// much as a tenth of a file does.
const MOST_IN_CHUNK: usize = 32;
/// How many chunks of results may wait to be taken.
const WAITING: usize = 8;
/// How far threads may be ahead of the first file whose result was not taken, where the order
/// matters.
const WINDOW: usize = 1024;

/// The results of a fleet.
#[derive(Debug)]
pub struct Checks {
    /// `None` once the threads are to end.
    receiver: Option<Receiver<Vec<Checked>>>,
    /// Of the chunk that was received last.
    ready: VecDeque<Checked>,
    threads: Vec<JoinHandle<()>>,
    /// Of this iteration only; the fleet's own may be shared with others.
    dropped: Cancel,
    order: Option<Order>,
}

/// What puts results in order.
#[derive(Debug)]
struct Order {
    window: Arc<Window>,
    chunk: usize,
    next: usize,
    /// Those that came before their turn.
    early: BTreeMap<usize, Checked>,
}

/// Keeps threads from running too far ahead.
#[derive(Debug, Default)]
struct Window {
    taken: Mutex<usize>,
    moved: Condvar,
}

impl Window {
    fn wait_for(&self, index: usize, dropped: &Cancel) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while index >= taken.saturating_add(WINDOW) && !dropped.is_cancelled() {
            taken = self
                .moved
                .wait(taken)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets go of all that wait.
    fn close(&self, dropped: &Cancel) {
        let taken = self.taken.lock();
        dropped.cancel();
        self.moved.notify_all();
        drop(taken);
    }

    fn move_to(&self, next: usize) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = next;
        self.moved.notify_all();
    }
}

impl Checks {
    pub(super) fn new(
        fleet: Fleet,
        files: impl Iterator<Item = Arc<Path>> + Send + 'static,
    ) -> Self {
        let (sender, receiver) = sync_channel(WAITING);
        let dropped = Cancel::new();
        let window = fleet.in_order.then(Arc::<Window>::default);
        let count = fleet.threads;
        // Of a few files each thread has some.
        let (known, _) = files.size_hint();
        let chunk = (known / count / 4).clamp(1, MOST_IN_CHUNK);
        let work = Arc::new(Work {
            files: Mutex::new(files.enumerate()),
            chunk,
            dropped: dropped.clone(),
            window: window.clone(),
            fleet,
        });
        let threads = (0..count).map(|_| {
            let (work, sender) = (Arc::clone(&work), sender.clone());
            thread::spawn(move || work.run(&sender))
        });
        Self {
            threads: threads.collect(),
            receiver: Some(receiver),
            ready: VecDeque::new(),
            dropped,
            order: window.map(|window| Order {
                window,
                chunk,
                next: 0,
                early: BTreeMap::new(),
            }),
        }
    }
}

struct Work<I> {
    fleet: Fleet,
    files: Mutex<I>,
    chunk: usize,
    dropped: Cancel,
    window: Option<Arc<Window>>,
}

impl<I: Iterator<Item = (usize, Arc<Path>)>> Work<I> {
    fn run(&self, sender: &SyncSender<Vec<Checked>>) {
        let _guard = Guard(self);
        while !self.fleet.cancel.is_cancelled() && !self.dropped.is_cancelled() {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            let chunk: Vec<_> = files.by_ref().take(self.chunk).collect();
            drop(files);
            let Some((first, _)) = chunk.first() else {
                return;
            };
            if let Some(window) = &self.window {
                window.wait_for(*first, &self.dropped);
            }
            let chunk = chunk.into_iter();
            let checked = chunk.map(|(index, file)| self.fleet.check_one(index, file));
            // Nobody listens any more: the results were dropped.
            if sender.send(checked.collect()).is_err() {
                return;
            }
        }
    }
}

/// Lets go of the others when a thread panics: nobody will give the result that they wait for.
struct Guard<'w, I>(&'w Work<I>);

impl<I> Drop for Guard<'_, I> {
    fn drop(&mut self) {
        if let Some(window) = self.0.window.as_ref().filter(|_| thread::panicking()) {
            window.close(&self.0.dropped);
        }
    }
}

impl Iterator for Checks {
    type Item = Checked;

    fn next(&mut self) -> Option<Checked> {
        loop {
            if let Some(order) = &mut self.order {
                if let Some(checked) = order.early.remove(&order.next) {
                    order.next += 1;
                    if order.next.is_multiple_of(order.chunk) {
                        order.window.move_to(order.next);
                    }
                    return Some(checked);
                }
            } else if let Some(checked) = self.ready.pop_front() {
                return Some(checked);
            }
            match (self.receiver.as_ref()?.recv(), &mut self.order) {
                (Ok(chunk), None) => self.ready.extend(chunk),
                (Ok(chunk), Some(order)) => {
                    let chunk = chunk.into_iter();
                    order
                        .early
                        .extend(chunk.map(|checked| (checked.index, checked)));
                }
                (Err(_), None) => return None,
                // Cancelled: of what is there, the order still holds.
                (Err(_), Some(order)) => {
                    let (index, checked) = order.early.pop_first()?;
                    order.next = index + 1;
                    return Some(checked);
                }
            }
        }
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        self.receiver = None;
        match &self.order {
            Some(order) => order.window.close(&self.dropped),
            None => self.dropped.cancel(),
        }
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}
