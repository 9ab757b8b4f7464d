//! How an app password is written.
//!
//! `rkp_`, the credential's id (22 letters), `_`, a secret of 256 bits (43 letters) and six letters by which a scanner of
//! secrets knows a real one: the CRC-32 of all before. Letters are the 62 letters and digits; numbers are written with
//! the highest place first.

use uuid::Uuid;
use zeroize::Zeroizing;

const PREFIX: &str = "rkp_";
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_LENGTH: usize = 22;
/// 62 to the 43rd is a little more than 2 to the 256th.
const SECRET_LENGTH: usize = 43;
const CHECK_LENGTH: usize = 6;

/// A new secret.
///
/// # Errors
/// When the system gives no random bytes.
pub(super) fn secret() -> Result<Zeroizing<String>, realm::Error> {
    crate::credential::random_text(LETTERS, SECRET_LENGTH)
}

/// The app password of a credential with this secret.
pub(super) fn write(id: Uuid, secret: &str) -> String {
    let body = format!("{PREFIX}{}_{secret}", number(id.as_u128(), ID_LENGTH));
    let check = number(crc32(&body).into(), CHECK_LENGTH);
    body + &check
}

/// An app password as somebody gave it; nothing of it is proven.
pub struct Given<'a> {
    /// The credential that it says to be.
    pub id: Uuid,
    pub(super) secret: &'a str,
}

impl<'a> Given<'a> {
    /// None for what is no app password by its form.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        const BODY: usize = PREFIX.len() + ID_LENGTH + 1 + SECRET_LENGTH;
        let letters = |text: &str| text.bytes().all(|byte| LETTERS.contains(&byte));
        // Other than letters of one byte, none could be cut in two.
        if text.len() != BODY + CHECK_LENGTH || !text.is_ascii() {
            return None;
        }
        let (body, check) = text.split_at(BODY);
        let (id, secret) = body.strip_prefix(PREFIX)?.split_at(ID_LENGTH);
        let secret = secret.strip_prefix('_')?;
        let right = letters(secret) && check == number(crc32(body).into(), CHECK_LENGTH);
        let id = Uuid::from_u128(read(id)?);
        right.then_some(Self { id, secret })
    }
}

/// A number in letters, the highest place first.
fn number(mut value: u128, length: usize) -> String {
    let mut places = vec![LETTERS[0]; length];
    for place in places.iter_mut().rev() {
        *place = LETTERS[usize::try_from(value % 62).unwrap_or_default()];
        value /= 62;
    }
    places.into_iter().map(char::from).collect()
}

fn read(text: &str) -> Option<u128> {
    text.bytes().try_fold(0_u128, |number, byte| {
        let value = LETTERS.iter().position(|letter| *letter == byte)?;
        number
            .checked_mul(62)?
            .checked_add(u128::try_from(value).ok()?)
    })
}

fn crc32(text: &str) -> u32 {
    let bit = |crc: u32, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
    let byte = |crc: u32, byte: u8| (0..8).fold(crc ^ u32::from(byte), bit);
    !text.bytes().fold(!0, byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0d9e7a9c-6a43-4a0c-8d2e-3f0a3d4b5c6d";

    fn value() -> String {
        write(ID.parse().unwrap(), &("a1Z".repeat(14) + "x"))
    }

    #[test]
    fn the_checksum_is_that_of_zip_and_png() {
        assert_eq!(crc32("123456789"), 0xCBF4_3926);
    }

    #[test]
    fn numbers_are_written_with_the_highest_place_first_and_read_back() {
        assert_eq!(number(62 * 62 + 61, 4), "010z");
        for value in [0, 1, u128::MAX] {
            assert_eq!(read(&number(value, ID_LENGTH)), Some(value));
        }
        assert_eq!(read(&"z".repeat(ID_LENGTH)), None, "more than an id");
    }

    #[test]
    fn what_is_made_is_read_and_all_else_is_no_app_password() {
        let value = value();
        assert_eq!(value.len(), 76);
        let given = Given::read(&value).unwrap();
        assert_eq!(given.id.to_string(), ID);
        assert_eq!(given.secret.len(), SECRET_LENGTH);
        for place in 0..value.len() {
            let mut other = value.clone();
            let swapped = if &other[place..=place] == "q" {
                "r"
            } else {
                "q"
            };
            other.replace_range(place..=place, swapped);
            assert!(Given::read(&other).is_none(), "{place}");
        }
        for odd in [
            "",
            "rkp_",
            &value[1..],
            &value[..75],
            &format!("{value}0"),
            &"ä".repeat(38),
        ] {
            assert!(Given::read(odd).is_none(), "{odd}");
        }
    }
}
