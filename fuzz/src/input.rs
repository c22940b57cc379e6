//! How a target takes its input apart, and how a seed is put together. Any bytes are an input: what
//! is missing is zero, and a length beyond the end means up to the end.

/// What is left of an input.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    pub(crate) fn i64(&mut self) -> i64 {
        i64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// Bytes behind their length.
    pub(crate) fn chunk(&mut self) -> &'a [u8] {
        let length = usize::from(self.u16()).min(self.0.len());
        let (chunk, rest) = self.0.split_at(length);
        self.0 = rest;
        chunk
    }

    /// A chunk as text; what is no UTF-8 is replaced.
    pub(crate) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.chunk()).into_owned()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// A seed on its way.
#[derive(Debug, Default, Clone)]
pub struct Seed(Vec<u8>);

impl Seed {
    /// Adds a byte.
    #[must_use]
    pub fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    /// Adds a number of eight bytes.
    #[must_use]
    pub fn i64(mut self, number: i64) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    /// Adds a number of two bytes.
    #[must_use]
    pub fn u16(mut self, number: u16) -> Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    /// Adds bytes behind their length: at most 65 535.
    #[must_use]
    pub fn chunk(self, bytes: &[u8]) -> Self {
        let length = u16::try_from(bytes.len()).expect("a seed is short");
        self.u16(length).rest(bytes)
    }

    /// Adds bytes as they are, which ends the seed.
    #[must_use]
    pub fn rest(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    /// The input.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        self.0
    }
}
