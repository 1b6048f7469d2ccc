// The JSON editor and the view of sources: CodeMirror, in a shadow tree of its own so that its
// styles need no exception from the page's content security policy.
import { closeBrackets } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { javascript } from "@codemirror/lang-javascript";
import { json, jsonParseLinter } from "@codemirror/lang-json";
import { python } from "@codemirror/lang-python";
import { bracketMatching, foldGutter, foldKeymap, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { linter } from "@codemirror/lint";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";

const theme = EditorView.theme({
  "&": { height: "100%", fontSize: "12.5px", color: "var(--text)", backgroundColor: "transparent" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6", overflow: "auto" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--faint)", border: "none" },
  ".cm-content": { caretColor: "var(--accent)" },
  ".cm-cursor": { borderLeftColor: "var(--accent)" },
  "&.cm-focused": { outline: "none" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--accent) 6%, transparent)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--accent) 22%, transparent)",
  },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--line)" },
});

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--syn-name)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--syn-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--syn-number)" },
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--syn-keyword)" },
  { tag: [tags.comment, tags.docString], color: "var(--syn-comment)", fontStyle: "italic" },
  { tag: [tags.function(tags.variableName), tags.function(tags.definition(tags.variableName))], color: "var(--syn-call)" },
  { tag: [tags.typeName, tags.className], color: "var(--syn-call)" },
]);

function languageOf(name: string): Extension {
  if (name === "json") return json();
  if (name === "python") return python();
  if (name === "typescript" || name === "javascript") return javascript({ typescript: name === "typescript", jsx: true });
  return [];
}

export interface EditorProps {
  value: string;
  onChange?: (value: string) => void;
  onSubmit?: () => void;
  language?: string;
  label: string;
}

export default function Editor({ value, onChange, onSubmit, language = "json", label }: EditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const acts = useRef({ onChange, onSubmit });
  acts.current = { onChange, onSubmit };
  const isReadOnly = !onChange;

  useEffect(() => {
    const host = place.current;
    if (!host) return;
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    const fit = new CSSStyleSheet();
    fit.replaceSync(":host{display:block;height:100%;min-height:0}.fit{height:100%}");
    const inner = document.createElement("div");
    inner.className = "fit";
    root.replaceChildren(inner);
    const readOnly = new Compartment();
    const made = new EditorView({
      root,
      parent: inner,
      state: EditorState.create({
        doc: value,
        extensions: [
          lineNumbers(),
          foldGutter(),
          history(),
          drawSelection(),
          bracketMatching(),
          closeBrackets(),
          languageOf(language),
          syntaxHighlighting(colours),
          theme,
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": label }),
          readOnly.of(isReadOnly ? [EditorState.readOnly.of(true)] : [highlightActiveLine()]),
          language === "json" && !isReadOnly ? linter(jsonParseLinter()) : [],
          keymap.of([
            {
              key: "Mod-Enter",
              run: () => {
                acts.current.onSubmit?.();
                return true;
              },
            },
            ...defaultKeymap,
            ...historyKeymap,
            ...foldKeymap,
          ]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) acts.current.onChange?.(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, fit];
    return () => made.destroy();
    // A new language or role is a new editor; a new value is not.
  }, [language, isReadOnly, label]);

  useEffect(() => {
    const made = view.current;
    if (made && made.state.doc.toString() !== value) {
      made.dispatch({ changes: { from: 0, to: made.state.doc.length, insert: value } });
    }
  }, [value]);

  return <div className={isReadOnly ? "editor read-only" : "editor"} ref={place} />;
}
