//! What this machine can do at most: the work that no server can save, on every core, with nothing around it.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use argon2_rust::params::{Memory, TagLen};
use argon2_rust::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};

use crate::process::Cpu;

/// As long as what is signed of a docker token.
const TOKEN: [u8; 1400] = [b'a'; 1400];

/// Rates of the whole machine, a second.
#[derive(Clone, Copy)]
pub struct Bound {
    /// Processor time of one argon2id, in ms.
    pub argon2_cpu: f64,
    /// argon2id with Keycloak's parameters (7168 KiB, 5 passes, 1 lane, 32 bytes), the memory kept.
    pub argon2: f64,
    /// One such hash and one RS256 signature with 2048 bits: what a docker token consists of.
    pub with_signature: f64,
}

impl Bound {
    /// Measures both for `time`, a third of it for the signature.
    pub fn measure(time: Duration, key: &RsaKeyPair) -> Result<Self> {
        let params = Params::builder()
            .memory(Memory::kib(7168))
            .passes(5)
            .lanes(1)
            .threads(1)
            .tag_len(TagLen::bytes(32))
            .build()
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        let before = Cpu::now(None);
        let begun = Instant::now();
        let argon2 = everywhere(time * 2 / 3, || {
            let mut hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hasher();
            let mut value = [0; 32];
            move || {
                hasher
                    .hash_into(b"correct horse battery", &[7; 16], &mut value)
                    .map_err(|error| anyhow::anyhow!("{error}"))
            }
        })?;
        let took = begun.elapsed().as_secs_f64();
        let mut used = Cpu::default();
        used.add(before, Cpu::now(None));
        let sign = rs256(time / 3, key)?;
        Ok(Self {
            argon2_cpu: used.generator * 1000.0 / (argon2 * took),
            argon2,
            with_signature: 1.0 / (1.0 / argon2 + 1.0 / sign),
        })
    }
}

/// Signatures of the whole machine, a second, each over a token as long as a docker token.
#[derive(Clone, Copy)]
pub struct Signing {
    /// With an RSA key of 2048 bits.
    pub rs256: f64,
    pub es256: f64,
}

impl Signing {
    /// Measures both, each for half of `time`.
    pub fn measure(time: Duration, key: &RsaKeyPair) -> Result<Self> {
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .ok()
            .context("making an EC key")?;
        let sign = || ec.sign(&SystemRandom::new(), &TOKEN).map(drop);
        Ok(Self {
            rs256: rs256(time / 2, key)?,
            es256: everywhere(time / 2, || || sign().ok().context("signing"))?,
        })
    }
}

fn rs256(time: Duration, key: &RsaKeyPair) -> Result<f64> {
    everywhere(time, || {
        let mut signature = vec![0; key.public_modulus_len()];
        move || {
            let random = SystemRandom::new();
            key.sign(&RSA_PKCS1_SHA256, &random, &TOKEN, &mut signature)
                .ok()
                .context("signing")
        }
    })
}

/// A key to sign with.
pub fn signing_key() -> Result<RsaKeyPair> {
    RsaKeyPair::generate(KeySize::Rsa2048)
        .ok()
        .context("making an RSA key")
}

/// Runs work on as many threads as there are cores: how often it was done in a second, by all together.
fn everywhere<W: FnMut() -> Result<()>>(
    time: Duration,
    make: impl Fn() -> W + Sync,
) -> Result<f64> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    let mut work = make();
                    work()?;
                    let begun = Instant::now();
                    let mut count = 0_u32;
                    while begun.elapsed() < time {
                        work()?;
                        count += 1;
                    }
                    Ok::<_, anyhow::Error>(f64::from(count) / begun.elapsed().as_secs_f64())
                })
            })
            .collect();
        threads.into_iter().try_fold(0.0, |sum, thread| {
            Ok(sum
                + thread
                    .join()
                    .map_err(|_| anyhow::anyhow!("a thread panicked"))??)
        })
    })
}
