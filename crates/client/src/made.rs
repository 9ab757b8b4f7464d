//! What a protocol makes of a client or a client scope.

use std::any::Any;
use std::sync::{Arc, OnceLock};

/// A place for it: it is made once, for as long as the client or the scope stays as it is.
#[derive(Debug, Default)]
pub struct Made(OnceLock<Arc<dyn Any + Send + Sync>>);

impl Made {
    /// What is there, or what `make` makes of it now. There is room for one kind of thing; another one is made every time.
    pub fn get<T: Any + Send + Sync>(&self, make: impl Fn() -> T) -> Arc<T> {
        let made = self.0.get_or_init(|| Arc::new(make()));
        let made = Arc::clone(made).downcast();
        made.unwrap_or_else(|_| Arc::new(make()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kind_of_thing_is_made_once() {
        let made = Made::default();
        let first = made.get(|| 7_u8);
        assert!(Arc::ptr_eq(&first, &made.get(|| 8_u8)));
        assert_eq!(*made.get(|| "other"), "other");
        assert_eq!(*made.get(|| 9_u8), 7);
    }
}
