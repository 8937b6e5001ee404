use super::*;

/// The vector of the reference libraries of Standard Webhooks.
#[test]
fn requests_are_signed_as_standard_webhooks_are() {
    let key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let body = "{\"test\": 2432232314}";
    let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(signature(&key, id, "1614265330", body), expected);
    assert_eq!(key_of("plain text\n"), Ok(b"plain text".to_vec()));
    assert!(key_of("whsec_no base64").is_err());
}
