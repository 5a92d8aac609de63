use super::*;

fn strict(password: &str) -> Result<(), PasswordRefusal> {
    check(Policy::Strict, password, &[])
}

#[test]
fn item_87_length() {
    assert_eq!(strict("xkqjvhwpznrbtm"), Err(PasswordRefusal::TooShort { min: 15 }));
    assert_eq!(strict("xkqjvhwpznrbtml"), Ok(()));
    let free: String = "xkqjvhwpznrbtmlgyscdf"
        .chars()
        .cycle()
        .zip("éàüö ".chars().cycle())
        .flat_map(|(a, b)| [a, b])
        .take(128)
        .collect();
    assert_eq!(strict(&free), Ok(()));
    assert_eq!(strict(&free.chars().take(64).collect::<String>()), Ok(()));
    assert_eq!(strict(&"é".repeat(513)), Err(PasswordRefusal::TooLong));
    assert_ne!(strict(&"é".repeat(512)), Err(PasswordRefusal::TooLong));
    assert_eq!(strict(&"e\u{301}".repeat(14)), Err(PasswordRefusal::TooShort { min: 15 }));
    let admin = |password| check_administrator(Policy::Strict, password, &[]);
    assert_eq!(admin("xkqjvhwpznrbtml"), Err(PasswordRefusal::TooShort { min: 16 }));
    assert_eq!(admin("xkqjvhwpznrbtmlg"), Ok(()));
}

#[test]
fn item_88_no_composition_rule() {
    for password in [
        "le renard saute par-dessus la haie",
        "à l'été, on cueille des mûres 🎈",
        "correct horse battery staple",
        "trois vaches mangent un parapluie",
        "tournevis nuage bretelle",
        "vjqkxzpwmbhgtryf",
        "6jT!x9_Qm2#vLp0z",
        "739184620552814937",
    ] {
        assert_eq!(strict(password), Ok(()), "{password}");
    }
}

#[test]
fn item_89_fifteen_digits_are_under_fifty_bits() {
    assert_eq!(strict("739184620552814"), Err(PasswordRefusal::TooGuessable));
}

#[test]
fn item_89_common_words_walks_and_repetitions() {
    for password in [
        "motdepasse12345",
        "passwordpassword",
        "PasswordPassword",
        "azertyuiopqsdfg",
        "qwertyuiopasdfgh",
        "aaaaaaaaaaaaaaa",
        "abcabcabcabcabcabc",
        "abcdefghijklmnop",
        "123456789012345",
        "1234567890123456",
        "111111111111111111",
        "P@ssw0rdP@ssw0rd",
        "M0tDeP@sse2024!!",
        "password1234567",
        "Password123456789!",
        "iloveyouiloveyou",
        "jetaimejetaime123",
        "azertyazerty12345",
        "AZERTYUIOP123456",
        "1q2w3e4r5t6y7u8i",
        "1qaz2wsx3edc4rfv",
        "a1z2e3r4t5y6u7i8",
        "bonjour123bonjour",
        "administrateur2025",
        "administrator1234",
        "Bienvenue2024!!!",
        "marseille13marseille",
        "footballfootball",
        "changemechangeme",
        "letmeinletmein123",
        "qsdfghjklmqsdfghjklm",
        "poiuytrezapoiuytreza",
        "zzzzzzzzzzzzzzzzzzzz",
        "000000000000000",
        "pharmacie2024pharmacie",
        "soleilsoleilsoleil",
    ] {
        assert_eq!(strict(password), Err(PasswordRefusal::Common), "{password}: {:?}", strength::of(password));
    }
}

#[test]
fn item_89_product_address_and_own_name() {
    let context = ["Jean.Dupont@example.fr", "Jean", "Dupönt", "Guichet", ""];
    let judge = |password| check(Policy::Strict, password, &context);
    for password in [
        "jean.dupont@example.fr",
        "xkqjv-Dupont-hwpzn",
        "xkqjv dupönt hwpzn",
        "DUP0NT-xkqjvhwpzn",
        "gu1ch3t-xkqjvhwpzn",
        "le guichet de la gare",
    ] {
        assert_eq!(judge(password), Err(PasswordRefusal::ContainsContext), "{password}");
    }
    assert_eq!(judge("xkqjvhwpznrbtml"), Ok(()));
    assert_eq!(check(Policy::Strict, "xkqjvhwpznrbtml", &["", "m", "xk"]), Ok(()));
}

#[test]
fn the_seed_policy_takes_the_examples_of_the_seeds() {
    let seed = |password| check(Policy::Seed, password, &["Guichet"]);
    assert_eq!(seed("secret1"), Err(PasswordRefusal::TooShort { min: 8 }));
    assert_eq!(seed("Password"), Err(PasswordRefusal::Common));
    for password in ["password123", "Admin@123", "12345678", "123456789", "12345678910", "nouveau_mot_de_passe"] {
        assert_eq!(seed(password), Ok(()), "{password}");
    }
    assert_eq!(seed(&"é".repeat(513)), Err(PasswordRefusal::TooLong));
}

#[test]
fn the_list_is_folded_and_unambiguous() {
    for word in common::words() {
        assert_eq!(folding::fold(word), word);
        assert!(word.chars().count() >= 4, "{word}");
    }
}
