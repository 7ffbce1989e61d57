"""An explanation as plain text, for a terminal or a clipboard."""

from __future__ import annotations

from controller_runtime.kube.terminal import safe_text
from why.finding import Explanation

MARKS = {"broken": "✗", "warning": "!", "note": "·"}


def text(explanation: Explanation) -> str:
    """The sentence, then what was found, with its evidence."""
    lines = [safe_text(explanation.sentence)]
    for finding in explanation.findings:
        guess = " (inferred)" if finding.inferred else ""
        lines.append(f"  {MARKS[finding.severity]} {safe_text(finding.says)}{guess}")
        about = finding.about.kind + "/" + finding.about.key
        details = [finding.evidence, f"since {finding.since}" if finding.since else "", about]
        lines += [f"      {safe_text(detail)}" for detail in details if detail]
        if finding.remedy:
            lines.append(f"      → {safe_text(finding.remedy)}")
    lines += [f"  ? not seen: {safe_text(unseen)}" for unseen in explanation.unseen]
    return "\n".join(lines)
