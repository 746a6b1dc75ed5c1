"""What a rater reads of the server, in English; `screen/words/` has each in the other languages."""

WORDS = {
    "expired": "This pair was shown too long ago and went to somebody else; the answer was not counted.",
    "withdrawn": "These answers were withdrawn, nothing more is stored. Thank you all the same.",
    "taken": "This answer was already changed elsewhere; the newer one stands.",
    "waiting": "Others are judging what is left. This page goes on by itself if something comes back.",
    "archived": "This study is closed. Thank you; nothing more is asked.",
    "undisputed": "Nothing is disputed at the moment. This page goes on by itself when something is.",
    "recovering": "The server was restarted and brings back earlier answers. This page goes on by itself.",
    "full": "Everything was judged before you came. Nothing was asked of you, and nothing is counted.",
    "failed_checks": "There is nothing left for you to judge. Too few of your answers can be counted for the code: "
    "skipped and very fast ones are not, and some pairs were there to see whether one looks.",
    "starting": "The study is starting: it is bringing back earlier answers. This page goes on by itself.",
    "new_consent": "The consent text has changed since you opened this page. Reload it and read it again.",
    "preview": "This is a preview. Accept the task on the platform first, then open it from there.",
    "other_key": "This key is for another study, or was taken back. Ask whoever sent you the link.",
    "too_old": "Only your own last answers can be changed.",
    "too_fast": "Too many requests in a second. Wait a moment; nothing was lost.",
    "no_study": "This study is not open, or not here (any more). Ask whoever sent you the link.",
}
