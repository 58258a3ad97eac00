//! Where a thing came from: the source's name and its lines.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::printable::Printable;

/// Where something was read: a source's name, and the lines in it.
///
/// Every certificate, key and finding carries one, so that whatever is said about it can point
/// at the user's own file. Lines are counted from 1; binary sources (DER) have none.
///
/// ```
/// let origin = fullchain::Origin::new("site.pem").with_lines(3, 27);
/// assert_eq!(origin.to_string(), "site.pem:3-27");
/// assert_eq!(fullchain::Origin::new("site.der").to_string(), "site.der");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Origin {
    source: Arc<str>,
    lines: Option<(usize, usize)>,
    excerpt: Option<Cow<'static, str>>,
}

impl Origin {
    /// The whole of a source, such as a DER file. The name is usually its path.
    pub fn new(source: impl Into<Arc<str>>) -> Self {
        Self {
            source: source.into(),
            lines: None,
            excerpt: None,
        }
    }

    /// The same source, from line `first` to line `last`, both included and counted from 1.
    #[must_use]
    pub fn with_lines(mut self, first: usize, last: usize) -> Self {
        self.lines = Some((first, last.max(first)));
        self
    }

    /// Remembers what the first line looks like. Only for text known to hold no key material.
    pub(crate) fn with_excerpt(mut self, excerpt: impl Into<Cow<'static, str>>) -> Self {
        self.excerpt = Some(excerpt.into());
        self
    }

    /// The source's name, as it was given to the reader.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The first line, counted from 1; `None` for a binary source.
    pub fn first_line(&self) -> Option<usize> {
        self.lines.map(|(first, _)| first)
    }

    /// The last line, counted from 1; `None` for a binary source.
    pub fn last_line(&self) -> Option<usize> {
        self.lines.map(|(_, last)| last)
    }

    /// What stands on the first line, with everything masked that could be key material.
    pub fn excerpt(&self) -> Option<&str> {
        self.excerpt.as_deref()
    }

    /// The first line of it alone.
    pub(crate) fn first(&self) -> Self {
        Self {
            lines: self.lines.map(|(first, _)| (first, first)),
            ..self.clone()
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printable(&self.source))?;
        match self.lines {
            Some((first, last)) if first == last => write!(f, ":{first}"),
            Some((first, last)) => write!(f, ":{first}-{last}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Origin {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut object = serializer.serialize_struct("Origin", 3)?;
        object.serialize_field("source", self.source())?;
        object.serialize_field("first_line", &self.first_line())?;
        object.serialize_field("last_line", &self.last_line())?;
        object.end()
    }
}
