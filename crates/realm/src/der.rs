//! The little of DER (X.690 §10) that certificates and public keys are read with.

/// One element.
pub(crate) struct Element<'a> {
    pub tag: u8,
    pub whole: &'a [u8],
    pub body: &'a [u8],
}

/// The first element, and what comes after it.
pub(crate) fn element(der: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (head, length) = match *der.get(1)? {
        short @ 0..0x80 => (2, usize::from(short)),
        long => {
            let bytes = der.get(2..2 + usize::from(long & 0x7f))?;
            let length = bytes.iter().try_fold(0_usize, |n, byte| {
                n.checked_mul(256)?.checked_add(usize::from(*byte))
            })?;
            (2 + bytes.len(), length)
        }
    };
    let (whole, rest) = der.split_at_checked(head.checked_add(length)?)?;
    let (tag, body) = (whole[0], &whole[head..]);
    Some((Element { tag, whole, body }, rest))
}

/// The value of the one element that `der` is.
pub(crate) fn only(der: &[u8], tag: u8) -> Option<&[u8]> {
    let (found, rest) = element(der)?;
    (found.tag == tag && rest.is_empty()).then_some(found.body)
}

/// The SubjectPublicKeyInfo of a certificate (RFC 5280 §4.1): the seventh part of its first part, the sixth where no
/// version is given.
pub(crate) fn certified_key(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = element(certificate)?;
    let (signed, _) = element(certificate.body)?;
    let mut rest = signed.body;
    let mut parts = std::iter::from_fn(|| {
        let (found, after) = element(rest)?;
        rest = after;
        Some(found)
    });
    let first = parts.next()?;
    let key = parts.nth(if first.tag == 0xa0 { 5 } else { 4 })?;
    (key.tag == 0x30).then_some(key.whole)
}
