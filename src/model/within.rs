//! A text within a longer one, which may be read past its end.
//!
//! Place in the flow: from the fields of a record to the writer of JSON. Short texts are copied sixteen
//! bytes at once, whatever their length, where so many stand behind their beginning. It refuses to say
//! what stands behind.

/// A text, and what stands behind it.
#[derive(Clone, Copy, Debug)]
pub struct Within<'a> {
    from: &'a [u8],
    len: usize,
}

impl<'a> Within<'a> {
    /// The first `len` bytes; all, where there are fewer.
    #[inline]
    pub fn new(from: &'a [u8], len: usize) -> Within<'a> {
        let len = len.min(from.len());
        Within { from, len }
    }

    #[inline]
    pub fn text(self) -> &'a [u8] {
        &self.from[..self.len]
    }

    #[inline]
    pub fn len(self) -> usize {
        self.len
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// What stands behind it, from so many bytes on.
    #[inline(always)]
    pub fn behind(self, bytes: usize) -> &'a [u8] {
        self.from.get(self.len + bytes..).unwrap_or_default()
    }

    /// `N` bytes from `at` on, of the text and of what stands behind it; `None` where there are fewer.
    #[inline(always)]
    pub fn chunk<const N: usize>(self, at: usize) -> Option<&'a [u8; N]> {
        self.from.get(at..)?.first_chunk()
    }
}

impl<'a> From<&'a [u8]> for Within<'a> {
    fn from(text: &'a [u8]) -> Within<'a> {
        Within::new(text, text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_is_in_chunks_alone() {
        let name = Within::new(b"exe=\"/bin/sh\"", 3);
        assert_eq!((name.text(), name.len()), (b"exe".as_slice(), 3));
        assert_eq!(name.chunk(0), Some(b"exe=\"/bi"));
        assert_eq!(name.chunk::<16>(0), None);
        assert_eq!(name.chunk::<2>(99), None);
        assert_eq!(
            (name.behind(2), name.behind(99)),
            (b"/bin/sh\"".as_slice(), b"".as_slice())
        );
        assert_eq!(Within::new(b"ab", 9).text(), b"ab");
        assert!(Within::from(b"".as_slice()).is_empty());
    }
}
