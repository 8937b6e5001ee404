//! The wrong answers an authorization server can give: the values of the switches that spoil something.

use serde::{Deserialize, Serialize};

use crate::switches::choice;

choice! { /// `code` on the way back to the client.
    Code {
        /// As it should be.
        #[default] Right,
        /// Not there.
        Dropped,
    }
}
choice! { /// `state` on the way back to the client.
    State {
        /// As it was sent.
        #[default] Right,
        /// Another text.
        Wrong,
        /// Not there.
        Dropped,
    }
}
choice! { /// The issuer in an authorization answer (RFC 9207).
    Iss {
        /// Neither promised nor sent.
        #[default] Absent,
        /// Promised and sent.
        Right,
        /// Promised, and another server's.
        Wrong,
        /// Promised and not sent.
        Missing,
    }
}
choice! { /// What the token endpoint answers instead of tokens.
    TokenAnswer {
        /// Tokens.
        #[default] Right,
        /// 200 with a sign-in page.
        Html,
        /// 500 with a short JSON body.
        InternalError,
        /// 502 with a gateway's page.
        BadGateway,
        /// 503 with an empty body.
        Unavailable,
        /// 429 with `Retry-After: 1`.
        TooMany,
        /// 200 with nothing.
        Empty,
        /// 200 with words.
        InvalidJson,
        /// 200 with JSON that ends in the middle.
        Truncated,
        /// 200 with a list.
        List,
        /// 200 with an object that holds no token.
        NoToken,
        /// 200 with ten million letters.
        Huge,
        /// A redirect to the same address by another name.
        Redirected,
    }
}
choice! { /// How a token answer tells its lifetime.
    ExpiresIn {
        /// A number of seconds.
        #[default] Number,
        /// The number as a string.
        Text,
        /// A number with a point.
        Float,
        /// Not at all.
        Missing,
        /// `null`.
        Null,
        /// Zero.
        Zero,
        /// Less than nothing.
        Negative,
        /// Longer than anybody lives.
        Huge,
        /// A word.
        Word,
    }
}
choice! { /// The kind of token an answer says it holds.
    TokenType {
        /// The vendor's.
        #[default] Right,
        /// Not there.
        Missing,
        /// Its capitals are where nobody expects them.
        OddCase,
        /// A kind nobody asked for.
        Other,
    }
}
choice! { /// The granted scope in a token answer.
    Scope {
        /// Words with blanks between them.
        #[default] Right,
        /// Not there.
        Missing,
        /// A list of words.
        List,
        /// Words with commas between them.
        Commas,
    }
}
choice! { /// The id token in a token answer.
    IdToken {
        /// As OpenID Connect Core says.
        #[default] Right,
        /// Not there.
        Missing,
        /// `iss` is another server.
        WrongIssuer,
        /// `aud` is another client.
        WrongAudience,
        /// `aud` names another client beside the right one, and `azp` the other one.
        WrongParty,
        /// `nonce` is another one.
        WrongNonce,
        /// `nonce` is not there.
        NoNonce,
        /// `exp` was an hour ago.
        Expired,
        /// `iat` is an hour ahead.
        NotYet,
        /// There is no `sub`.
        NoSubject,
        /// The signature belongs to something else.
        WrongSignature,
        /// `alg` is `none`, and there is no signature.
        Unsigned,
        /// No JSON between its points.
        Garbled,
    }
}
choice! { /// The metadata document.
    Discovery {
        /// As RFC 8414 and OpenID Connect Discovery say.
        #[default] Right,
        /// 404.
        Missing,
        /// A redirect to the same document.
        Redirected,
        /// 200 with a sign-in page.
        Html,
        /// JSON that ends in the middle.
        InvalidJson,
        /// Ten million letters.
        Huge,
        /// The token endpoint is at another origin, where the same server listens.
        ForeignToken,
        /// The authorize address is at another origin.
        ForeignAuthorize,
        /// The token endpoint is plain HTTP to a host that is not this machine.
        PlainHttp,
        /// There is no token endpoint.
        NoToken,
        /// Only challenges in plain text.
        PlainPkce,
        /// No word on challenges.
        NoPkce,
    }
}
choice! { /// The issuer that a metadata document names.
    DiscoveryIssuer {
        /// This server.
        #[default] Right,
        /// A slash more.
        Slash,
        /// One letter in the other case.
        LetterCase,
        /// Another host.
        Host,
        /// Not there.
        Missing,
    }
}
