//! A value, and where it was written.

use super::lines::Line;
use crate::origin::Origin;

/// A value of the configuration, and the line that gave it: that of the section itself, of
/// `defaults`, of `default-server`, or of `global`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// The line.
    pub origin: Origin,
    /// Whether the line surely applies, and every variable in it is known.
    pub is_certain: bool,
}

impl<T> Setting<T> {
    pub(super) fn new(value: T, line: &Line) -> Self {
        Self {
            value,
            origin: line.origin(),
            is_certain: line.is_certain && line.words.iter().all(|word| word.is_certain),
        }
    }

    /// The value alone, of a setting that may not be there.
    pub(super) fn value_of(setting: Option<&Self>) -> Option<&T> {
        setting.map(|setting| &setting.value)
    }
}

/// The bytes that settings hold: what is inherited is held once more by each heir.
pub(super) trait Weight {
    fn weight(&self) -> usize;
}

impl Weight for String {
    fn weight(&self) -> usize {
        self.len()
    }
}

impl<T: Weight> Weight for Setting<T> {
    fn weight(&self) -> usize {
        self.value.weight()
    }
}

impl<T: Weight> Weight for Option<T> {
    fn weight(&self) -> usize {
        self.as_ref().map_or(0, Weight::weight)
    }
}

impl<T: Weight> Weight for Vec<T> {
    fn weight(&self) -> usize {
        self.iter().map(|it| size_of::<T>() + it.weight()).sum()
    }
}
