//! Lines of the list of bad inputs (41 to 45), as far as they concern notices.

use encoding_rs::UTF_8;

use super::*;

#[test]
fn line_41_a_signature_is_there_by_this_algorithm_and_over_this_text() {
    let body = text(signed(&PAID, UTF_8));
    assert!(read(&body).is_ok());
    let signature = body.split("&sign=").nth(1).expect("a signature");
    for forged in [
        body.split("&sign=").next().expect("the rest").to_owned(),
        body.replace(signature, ""),
        body.replace(signature, "AAAA"),
        body.replace(signature, &signature[..signature.len() - 8]),
        // The right one, written otherwise than base64 writes it.
        body.replace("%3D", ""),
        body.replace("sign_type=RSA2", "sign_type=RSA"),
        body.replace("sign_type=RSA2", "sign_type=MD5"),
        body.replace("sign_type=RSA2", "sign_type=rsa2"),
        body.replace("sign_type=RSA2", "sign_type="),
        // Good for another text.
        body.replace("total_amount=9.9", "total_amount=9.90"),
        body.replace("total_amount=9.9", "total_amount=+9.9"),
        body.replace("notify_id=n1", "notify_id=n2"),
        body.replace("notify_id=n1", "Notify_id=n1"),
        format!("extra=1&{body}"),
        format!("sign_types=RSA2&{body}"),
    ] {
        assert_eq!(
            read(&forged).expect_err("forged"),
            WebhookRefusal::Forged,
            "{forged}"
        );
    }
    // Not signed are the order, the way it is encoded, and how the signature was made.
    let mut turned: Vec<_> = body.split('&').collect();
    turned.reverse();
    for same in [
        turned.join("&"),
        body.replace("&sign_type=RSA2", ""),
        body.replace("TRADE_SUCCESS", "%54RADE%5fSUCCESS"),
        format!("&{}&", body.replace('&', "&&")),
    ] {
        assert!(read(&same).is_ok(), "{same}");
    }
}

#[test]
fn line_42_a_notice_has_no_age_and_keeps_its_key() {
    // There is no rule of freshness: an old one is genuine for ever, and known by its number.
    let keys = ["2006-01-02 03:04:05", "2096-01-02 03:04:05", "", "soon"].map(|time| {
        let body = text(signed(&with("notify_time", time), UTF_8));
        read(&body).expect("genuine").key().to_owned()
    });
    assert_eq!(keys, ["n1"; 4]);
    // Without a number of its own it is known by all that it says.
    let key = |amount| {
        let mut fields = with("total_amount", amount);
        fields.retain(|(name, _)| *name != "notify_id");
        read(&text(signed(&fields, UTF_8)))
            .expect("genuine")
            .key()
            .to_owned()
    };
    assert_eq!(key("9.90"), key("9.90"));
    assert_ne!(key("9.90"), key("9.91"));
    assert!(key("9.90").starts_with("sha256:"));
}

#[test]
fn line_43_what_is_genuine_and_not_for_us_is_foreign() {
    for (name, value) in [
        ("app_id", "2021000000000002"),
        ("app_id", "2021000000000001 "),
        ("app_id", ""),
        ("seller_id", "2088000000000002"),
        ("seller_id", ""),
    ] {
        let body = text(signed(&with(name, value), UTF_8));
        assert_eq!(
            read(&body).expect_err("foreign"),
            WebhookRefusal::Foreign,
            "{name}={value}"
        );
    }
    for missing in ["app_id", "seller_id"] {
        let mut fields = PAID.to_vec();
        fields.retain(|(name, _)| *name != missing);
        let body = text(signed(&fields, UTF_8));
        assert_eq!(
            read(&body).expect_err("foreign"),
            WebhookRefusal::Foreign,
            "{missing}"
        );
    }
    // Without a seller in the settings the application vouches alone.
    let fields = verified(
        &signed(&with("seller_id", "2088000000000002"), UTF_8),
        &verifier(),
    );
    let app = PAID[0].1;
    let ours = event(&fields.expect("genuine"), app, "", |_| MerchantAccount {
        app_id: app.to_owned(),
        merchant_id: String::new(),
    });
    assert!(ours.is_ok());
    // Another amount is for us: the books decide about it.
    let body = text(signed(&with("total_amount", "0.01"), UTF_8));
    let event = read(&body).expect("genuine");
    assert!(matches!(event.content(), EventContent::Paid(money) if money.amount().minor() == 1));
}

#[test]
fn line_44_a_number_of_any_kind_is_handed_on_as_it_stands() {
    for order_no in [
        "0",
        "' OR 1=1; --",
        "../../etc/passwd",
        "0198C0DE0198C0DE0198C0DE0198C0DE",
        "专业",
    ] {
        let body = text(signed(&with("out_trade_no", order_no), UTF_8));
        let event = read(&body).expect("genuine");
        let EventContent::Paid(money) = event.content() else {
            panic!("{event:?}")
        };
        assert_eq!(money.order_no(), order_no);
    }
    // No text at all; and nothing to be paid.
    let zero = text(signed(&with("out_trade_no", "a\0b"), UTF_8));
    assert_eq!(read(&zero).expect_err("NUL"), WebhookRefusal::Unreadable);
    for missing in ["out_trade_no", "trade_no", "total_amount"] {
        let body = text(signed(&with(missing, ""), UTF_8));
        assert_eq!(read(&body).expect_err(missing), WebhookRefusal::Unreadable);
    }
    for amount in [
        "-1",
        "1e3",
        "9.901",
        "NaN",
        "99999999999999999999",
        "٩",
        "9,90",
    ] {
        let body = text(signed(&with("total_amount", amount), UTF_8));
        assert_eq!(read(&body).expect_err(amount), WebhookRefusal::Unreadable);
    }
}

#[test]
fn line_45_only_the_two_words_of_payment_are_money() {
    let told = |fields: &[(&str, &str)]| {
        let event = read(&text(signed(fields, UTF_8))).expect("genuine");
        match event.content() {
            EventContent::Paid(_) => "paid",
            EventContent::Refunded { .. } => "refunded",
            EventContent::Notice(word) => word,
            other => panic!("{other:?}"),
        }
    };
    for (status, content) in [
        ("TRADE_SUCCESS", "paid"),
        ("TRADE_FINISHED", "paid"),
        ("WAIT_BUYER_PAY", "waiting"),
        ("TRADE_CLOSED", "closed"),
        ("TRADE_PENDING", "other"),
        ("trade_success", "other"),
        ("TRADE_SUCCESS ", "other"),
        ("", "other"),
    ] {
        assert_eq!(told(&with("trade_status", status)), content, "{status:?}");
        // With a word of a refund beside it, it is one, whatever the status says.
        for refund in [
            ("refund_fee", "1.00"),
            ("gmt_refund", "2026-01-02 03:04:05.123"),
            ("out_biz_no", "r1"),
        ] {
            let mut fields = with("trade_status", status);
            fields.push(refund);
            assert_eq!(told(&fields), "refunded", "{status:?} {refund:?}");
            // Given without a value, it says nothing.
            fields.pop();
            fields.push((refund.0, ""));
            assert_eq!(told(&fields), content, "{status:?} {refund:?}");
        }
    }
    // A refund names its own number if it is ours.
    let mut fields = PAID.to_vec();
    fields.extend([("out_biz_no", "r1"), ("refund_fee", "1.00")]);
    let event = read(&text(signed(&fields, UTF_8))).expect("genuine");
    assert!(
        matches!(event.content(), EventContent::Refunded { order_no, refund_no: Some(refund_no), .. }
            if order_no == PAID[3].1 && refund_no == "r1")
    );
}

#[test]
fn line_45_a_field_that_is_given_twice_is_refused_whichever_was_signed() {
    let body = text(signed(&PAID, UTF_8));
    for again in [
        "total_amount=9.9",
        "total_amount=0.01",
        "trade_status=TRADE_CLOSED",
        "sign_type=RSA2",
        "sign=AAAA",
        "%61pp_id=1",
        "=1&=2",
    ] {
        for twice in [format!("{body}&{again}"), format!("{again}&{body}")] {
            let refusal = read(&twice).expect_err("twice");
            assert_eq!(refusal, WebhookRefusal::Unreadable, "{again}");
        }
    }
}

#[test]
fn line_45_empty_values_are_signed_by_some_and_left_out_by_others() {
    let mut fields = PAID.to_vec();
    fields.extend([("voucher_detail_list", ""), ("body", "")]);
    for keep_empty in [true, false] {
        let body = text(signed_so(&fields, UTF_8, keep_empty));
        assert!(read(&body).is_ok(), "{keep_empty}");
        // Both are proofs of what is not empty, and of nothing else.
        let filled = body.replace("body=", "body=x");
        assert_eq!(read(&filled).expect_err("changed"), WebhookRefusal::Forged);
    }
}

#[test]
fn line_45_the_charset_of_the_notice_counts_and_no_other() {
    for (label, charset) in [
        ("GBK", encoding_rs::GBK),
        ("gbk", encoding_rs::GBK),
        ("GB18030", encoding_rs::GB18030),
        ("utf-8", UTF_8),
        ("UTF-8", UTF_8),
    ] {
        let mut fields = with("subject", "专业版 €");
        fields.push(("charset", label));
        let body = signed(&fields, charset);
        let fields = verified(&body, &verifier()).expect("genuine");
        assert_eq!(fields.get("subject"), Some("专业版 €"), "{label}");
    }
    let mut fields = with("subject", "专业版");
    fields.push(("charset", "GBK"));
    let gbk = text(signed(&fields, encoding_rs::GBK));
    // Bytes that are none of the charset that is named, and a charset that nobody knows.
    for (charset, refusal) in [
        ("utf-8", WebhookRefusal::Unreadable),
        ("klingon", WebhookRefusal::Unreadable),
        ("", WebhookRefusal::Unreadable),
    ] {
        let other = gbk.replace("charset=GBK", &format!("charset={charset}"));
        assert_eq!(
            read(&other).expect_err("unreadable"),
            refusal,
            "{charset:?}"
        );
    }
}
