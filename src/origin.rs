//! Where a thing came from: the source's name and its lines.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::base::text::Printable;

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
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    source: Arc<str>,
    part: Option<Arc<str>>,
    lines: Option<Lines>,
    excerpt: Option<Cow<'static, str>>,
}

/// The first and the last line, in little memory: every certificate has some.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Lines {
    first: NonZeroU32,
    last: NonZeroU32,
}

/// Beyond four thousand million lines all are one.
fn number(line: usize) -> NonZeroU32 {
    let line = u32::try_from(line).unwrap_or(u32::MAX);
    NonZeroU32::new(line).unwrap_or(NonZeroU32::MIN)
}

impl Lines {
    fn numbers(self) -> (usize, usize) {
        let number = |line: NonZeroU32| usize::try_from(line.get()).unwrap_or(usize::MAX);
        (number(self.first), number(self.last))
    }
}

impl Origin {
    /// The whole of a source, such as a DER file. The name is usually its path.
    pub fn new(source: impl Into<Arc<str>>) -> Self {
        Self {
            source: source.into(),
            part: None,
            lines: None,
            excerpt: None,
        }
    }

    /// The same source, from line `first` to line `last`, both included and counted from 1.
    #[must_use]
    pub fn with_lines(mut self, first: usize, last: usize) -> Self {
        self.lines = Some(Lines {
            first: number(first),
            last: number(last.max(first)),
        });
        self
    }

    /// A part of it that has a name, such as `bag 2`; of a part, a part of that.
    pub(crate) fn with_part(mut self, part: impl Into<Arc<str>>) -> Self {
        let part = part.into();
        self.part = Some(match self.part {
            Some(outer) => format!("{outer}, {part}").into(),
            None => part,
        });
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

    /// The part of the source, where that is a container: `bag 2` of PKCS#12, `tls.crt` of a
    /// Kubernetes Secret, or `Secret www, tls.crt` where there are several objects.
    pub fn part(&self) -> Option<&str> {
        self.part.as_deref()
    }

    /// The first line, counted from 1; `None` for a binary source.
    pub fn first_line(&self) -> Option<usize> {
        self.lines.map(|lines| lines.numbers().0)
    }

    /// The last line, counted from 1; `None` for a binary source.
    pub fn last_line(&self) -> Option<usize> {
        self.lines.map(|lines| lines.numbers().1)
    }

    /// What stands on the first line, with everything masked that could be key material.
    pub fn excerpt(&self) -> Option<&str> {
        self.excerpt.as_deref()
    }

    /// The first line of it alone.
    pub(crate) fn first(&self) -> Self {
        Self {
            lines: self
                .lines
                .map(|Lines { first, .. }| Lines { first, last: first }),
            ..self.clone()
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printable(&*self.source))?;
        if let Some(part) = &self.part {
            write!(f, ", {}", Printable(&**part))?;
        }
        match self.lines {
            Some(Lines { first, last }) if first == last => write!(f, ":{first}"),
            Some(Lines { first, last }) => write!(f, ":{first}-{last}"),
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
        let mut object = serializer.serialize_struct("Origin", 4)?;
        object.serialize_field("source", self.source())?;
        object.serialize_field("part", &self.part())?;
        object.serialize_field("first_line", &self.first_line())?;
        object.serialize_field("last_line", &self.last_line())?;
        object.end()
    }
}
