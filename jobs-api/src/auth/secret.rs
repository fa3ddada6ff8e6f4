//! What must never be seen.

use zeroize::Zeroize;

/// A key or a token. It has no `Debug` and no `Display`, and is overwritten when dropped.
pub(crate) struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(value)
    }

    /// The value in the clear, to be signed with or sent.
    pub(crate) fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct Witness<'a>(&'a Cell<u32>);

    impl Zeroize for Witness<'_> {
        fn zeroize(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn a_secret_is_overwritten_when_it_is_dropped() {
        let times = Cell::new(0);
        let secret = Secret::new(Witness(&times));
        assert_eq!(times.get(), 0);
        drop(secret);
        assert_eq!(times.get(), 1);
    }
}
