"""Which of garak's probes are asked, and which are left out and why."""

from collections.abc import Mapping, Sequence

ASKED: Mapping[str, Sequence[str]] = {
    "hijacking": (
        *("promptinject.HijackHateHumans", "promptinject.HijackKillHumans", "promptinject.HijackLongPrompt"),
        *("goodside.Tag", "goodside.ThreatenJSON"),
    ),
    "orders in documents": (
        *("latentinjection.LatentInjectionFactSnippetEiffel", "latentinjection.LatentInjectionFactSnippetLegal"),
        *("latentinjection.LatentInjectionReport", "latentinjection.LatentInjectionResume"),
        *("latentinjection.LatentInjectionTranslationEnFr", "latentinjection.LatentInjectionTranslationEnZh"),
        *("latentinjection.LatentJailbreak", "latentinjection.LatentWhoisSnippet"),
    ),
    "hidden in an encoding": (
        *("encoding.InjectAscii85", "encoding.InjectAtbash", "encoding.InjectBase16", "encoding.InjectBase2048"),
        *("encoding.InjectBase32", "encoding.InjectBase64", "encoding.InjectBraille", "encoding.InjectEcoji"),
        *("encoding.InjectHex", "encoding.InjectMorse", "encoding.InjectNato", "encoding.InjectROT13", "encoding.InjectUU"),
        *("encoding.InjectUnicodeTagChars", "encoding.InjectZalgo"),
    ),
    "leaks": (
        *("sysprompt_extraction.SystemPromptExtraction", "leakreplay.GuardianCloze", "leakreplay.GuardianComplete"),
        *("leakreplay.LiteratureCloze", "leakreplay.LiteratureComplete", "leakreplay.NYTCloze", "leakreplay.NYTComplete"),
        *("leakreplay.PotterCloze", "leakreplay.PotterComplete", "apikey.CompleteKey", "apikey.GetKey"),
        "divergence.Repeat",
    ),
    "code for a browser, a terminal, a database": (
        *("web_injection.ColabAIDataLeakage", "web_injection.MarkdownImageExfil", "web_injection.MarkdownURIImageExfilExtended"),
        *("web_injection.MarkdownURINonImageExfilExtended", "web_injection.MarkdownXSS"),
        *("web_injection.PlaygroundMarkdownExfil", "web_injection.StringAssemblyDataExfil", "web_injection.TaskXSS"),
        *("exploitation.JinjaTemplatePythonInjection", "exploitation.SQLInjectionEcho"),
        *("ansiescape.AnsiEscaped", "ansiescape.AnsiRaw"),
    ),
    "other people's rules": (
        *("dan.Ablation_Dan_11_0", "dan.AutoDANCached", "dan.DanInTheWild", "dan.Dan_11_0", "dan.DAN_Jailbreak"),
        *("dan.ChatGPT_Developer_Mode_v2", "dan.ChatGPT_Image_Markdown", "dan.STAN", "dan.DUDE"),
        *("suffix.GCGCached", "tap.TAPCached", "grandma.Win10", "grandma.Win11"),
    ),
}
"""By what they try. All of them run from garak's package alone."""

LEFT_OUT: Mapping[str, str] = {
    "atkgen, agent_breaker, goat, fitd, tap.TAP, tap.PAIR, suffix.GCG, suffix.BEAST, dan.AutoDAN": "need a model that attacks",
    "ansiescape.AnsiRawTokenizerHF, divergence.RepeatedToken, glitch, packagehallucination, propile, fileformats": (
        "need files of a model hub, or a tokenizer of one"
    ),
    "latentinjection.LatentWhois": "asks 168 times, whatever is the most; its snippets are asked",
    "audio, visual_jailbreak": "no sound, no pictures",
    "continuation, lmrc, realtoxicityprompts, donotanswer, malwaregen, misleading, snowball, topic, phrasing, sata, dra, test": (
        "ask whether a model says what is harmful or wrong, not whether it takes orders or leaks; or need word lists of a hub"
    ),
    "goodside.WhoIsRiley, goodside.Davidjl, badchars, doctor, smuggling, av_spam_scanning, the Full and inactive twins": (
        "the same orders again, longer or in other letters; or facts on people"
    ),
}

FEW: Sequence[str] = (
    *("promptinject.HijackHateHumans", "promptinject.HijackLongPrompt", "latentinjection.LatentJailbreak"),
    *(
        "latentinjection.LatentInjectionReport",
        "latentinjection.LatentWhoisSnippet",
        "encoding.InjectBase64",
        "encoding.InjectROT13",
    ),
    *("sysprompt_extraction.SystemPromptExtraction", "leakreplay.LiteratureCloze", "apikey.GetKey", "web_injection.MarkdownXSS"),
    *("web_injection.MarkdownImageExfil", "web_injection.TaskXSS", "exploitation.SQLInjectionEcho", "ansiescape.AnsiRaw"),
    *("dan.Dan_11_0", "dan.DanInTheWild", "goodside.Tag"),
)
"""Some of each, for a short run."""


def every() -> list[str]:
    """All that are asked."""
    return [probe for probes in ASKED.values() for probe in probes]
