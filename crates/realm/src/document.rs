//! Documents that are made once and sent often: key sets, discovery. They live as long as what they were made from.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Documents of one realm at most: one for each URL by which it is called.
const CAPACITY: usize = 16;

/// A document as it goes over the wire.
pub struct Document {
    /// The body.
    pub bytes: Vec<u8>,
    /// Its entity tag (RFC 9110 §8.8.3), with quotes.
    pub etag: String,
}

/// The documents made so far, by what they depend on beside the realm.
#[derive(Default)]
pub struct Documents {
    made: Mutex<Vec<(String, Arc<Document>)>>,
}

impl Documents {
    /// The document of this key, if it has been made.
    pub fn find(&self, key: &str) -> Option<Arc<Document>> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.iter()
            .find(|(known, _)| known == key)
            .map(|(_, document)| Arc::clone(document))
    }

    /// The document of this key; made now if it is not there.
    pub fn get(&self, key: &str, make: impl FnOnce() -> Vec<u8>) -> Arc<Document> {
        if let Some(document) = self.find(key) {
            return document;
        }
        let bytes = make();
        let etag = format!(
            "\"{}\"",
            URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, &bytes).as_ref()[..12])
        );
        let document = Arc::new(Document { bytes, etag });
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= CAPACITY {
            made.remove(0);
        }
        made.push((key.to_owned(), Arc::clone(&document)));
        document
    }
}
