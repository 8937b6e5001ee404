//! Values of the switches that make the authorization server respond incorrectly.

use serde::{Deserialize, Serialize};

use crate::switches::choice;

choice! { /// `code` in the redirect to the client.
    Code {
        /// Sent.
        #[default] Right,
        /// Not there.
        Dropped,
    }
}
choice! { /// `state` in the redirect to the client.
    State {
        /// As it was sent.
        #[default] Right,
        /// A different value.
        Wrong,
        /// Not there.
        Dropped,
    }
}
choice! { /// `iss` in the redirect to the client (RFC 9207).
    Iss {
        /// Neither announced nor sent.
        #[default] Absent,
        /// Announced and sent.
        Right,
        /// Announced; another server's issuer is sent.
        Wrong,
        /// Announced and not sent.
        Missing,
    }
}
choice! { /// The response of the token endpoint in place of tokens.
    TokenResponse {
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
        /// 200 with an empty body.
        Empty,
        /// 200 with a form-encoded body.
        InvalidJson,
        /// 200 with JSON that ends in the middle.
        Truncated,
        /// 200 with a list.
        List,
        /// 200 with an object that holds no token.
        NoToken,
        /// 200 with ten million letters.
        Huge,
        /// A redirect to the same path on `localhost`, which is another origin.
        Redirected,
    }
}
choice! { /// `expires_in` of a token response.
    ExpiresIn {
        /// A number of seconds.
        #[default] Number,
        /// The number as a string.
        Text,
        /// A number with a fraction.
        Float,
        /// Missing.
        Missing,
        /// `null`.
        Null,
        /// Zero.
        Zero,
        /// Negative.
        Negative,
        /// 10^12 seconds.
        Huge,
        /// A text that is not a number.
        Word,
    }
}
choice! { /// `token_type` of a token response.
    TokenType {
        /// As the vendor documents it.
        #[default] Right,
        /// Not there.
        Missing,
        /// Mixed case: `bEARER`.
        OddCase,
        /// `mac`, which no client requests.
        Other,
    }
}
choice! { /// `scope` of a token response.
    Scope {
        /// A string with spaces (RFC 6749 3.3).
        #[default] Right,
        /// Not there.
        Missing,
        /// A JSON list.
        List,
        /// A string with commas.
        Commas,
    }
}
choice! { /// The id token of a token response.
    IdToken {
        /// As OpenID Connect Core requires.
        #[default] Right,
        /// Not there.
        Missing,
        /// `iss` is another server.
        WrongIssuer,
        /// `aud` is another client.
        WrongAudience,
        /// `aud` has the right client and another one, and `azp` names the other one.
        WrongParty,
        /// Another `nonce`.
        WrongNonce,
        /// No `nonce`.
        NoNonce,
        /// `exp` is one hour in the past.
        Expired,
        /// `iat` is one hour in the future.
        NotYet,
        /// No `sub`.
        NoSubject,
        /// The signature is that of another text.
        WrongSignature,
        /// `alg` is `none`, and there is no signature.
        Unsigned,
        /// The claims are not JSON.
        Garbled,
    }
}
choice! { /// The metadata document.
    Discovery {
        /// As RFC 8414 and OpenID Connect Discovery require.
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
        /// The token endpoint is at another origin of the same server.
        ForeignToken,
        /// The authorization endpoint is at another origin.
        ForeignAuthorize,
        /// The token endpoint is plain HTTP to a host that is not this machine.
        PlainHttp,
        /// There is no token endpoint.
        NoToken,
        /// Only `plain` challenges.
        PlainPkce,
        /// No `code_challenge_methods_supported`.
        NoPkce,
    }
}
choice! { /// `issuer` of the metadata document.
    DiscoveryIssuer {
        /// This server.
        #[default] Right,
        /// With a trailing slash.
        Slash,
        /// One letter in another case.
        LetterCase,
        /// Another host.
        Host,
        /// Not there.
        Missing,
    }
}
