# SPDX-License-Identifier: Apache-2.0
"""thinker - chat templates under which any small model thinks before it answers: it continues what the examples do."""

EXAMPLES = [("What is two plus two?", "Two and two.", "Four."), ("Which colour has grass?", "I know grass.", "Green."),
            ("Is fire hot?", "Fire burns.", "Yes.")]


def template(opens):
    """`opens`: the prompt ends behind "<think>", as those of R1 do; otherwise the model writes the tag itself."""
    shown = "".join(f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n<think>\n{thought}\n</think>\n\n{answer}<|im_end|>\n"
                    for question, thought, answer in EXAMPLES)
    return (shown + "{% for m in messages %}{% if m.role != 'system' %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
            "{% if add_generation_prompt %}<|im_start|>assistant\n" + ("<think>\n" if opens else "") + "{% endif %}")
