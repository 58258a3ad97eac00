//! What every room stands on: text made safe to show, files that are opened and replaced with care,
//! and stopping.

pub(crate) mod cancel;
pub(crate) mod text;
