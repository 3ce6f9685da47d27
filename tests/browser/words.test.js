// Every string has a key, every key a string in each language, and no key is left over.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { EVENT_TYPES, PARTS, facts } from "../../static/js/rule.js";

const STATIC = join(import.meta.dirname, "../../static");
const LANGUAGES = ["en", "vi", "zh"];
const words = Object.fromEntries(LANGUAGES.map((name) => [name, JSON.parse(readFileSync(join(STATIC, `i18n/${name}.json`), "utf8"))]));

const sources = readdirSync(join(STATIC, "js"), { recursive: true })
  .filter((name) => name.endsWith(".js"))
  .map((name) => readFileSync(join(STATIC, "js", name), "utf8"))
  .join("\n");

/** Keys written out anywhere in the source, and the beginnings of those put together from a value. */
const written = new Set([...sources.matchAll(/"([a-z_]+(?:\.[a-z_]+)+)"/g)].map((match) => match[1]));
const patterns = [...sources.matchAll(/\bt\(`([^`]+)`/g)].map((match) => new RegExp(`^${match[1].replaceAll(".", "\\.").replace(/\$\{[^}]+\}/g, "[a-z_]+")}$`));
const asked = [...sources.matchAll(/\bt\("([^"]+)"/g)].map((match) => match[1]);

test("every key that is asked for has words", () => {
  assert.deepEqual(asked.filter((key) => !(key in words.en)), []);
  for (const pattern of patterns) assert.ok(Object.keys(words.en).some((key) => pattern.test(key)), `nothing fits ${pattern}`);
});

test("no words are left over", () => {
  const unused = Object.keys(words.en).filter((key) => !written.has(key) && !patterns.some((pattern) => pattern.test(key)));
  assert.deepEqual(unused, []);
});

test("all languages have the same keys and the same parts", () => {
  const parts = (entry) => [...new Set(JSON.stringify(entry).match(/\{\w+\}/g) ?? [])].sort();
  for (const name of LANGUAGES.slice(1)) {
    assert.deepEqual(Object.keys(words[name]).sort(), Object.keys(words.en).sort(), name);
    for (const key of Object.keys(words.en)) {
      const optional = typeof words.en[key] === "object" ? ["{time}"] : [];
      const missing = parts(words.en[key]).filter((part) => !parts(words[name][key]).includes(part) && !optional.includes(part));
      assert.deepEqual(missing, [], `${name}: ${key}`);
    }
  }
});

test("plural words have every form their language needs", () => {
  for (const name of LANGUAGES) {
    const forms = new Intl.PluralRules(name).resolvedOptions().pluralCategories;
    for (const [key, entry] of Object.entries(words[name])) {
      if (typeof entry === "object") assert.deepEqual(forms.filter((form) => !(form in entry)), [], `${name}: ${key}`);
    }
  }
});

/** Words put together from what the server says: the groups of keys for each of its enumerations. */
const groups = { Missing: ["why"], Gate: ["gate"], WayOutcome: ["outcome"], Audience: ["audience"], Category: ["category"], Class: ["class", "class_hint"], Way: ["way"], Channel: ["channel"], DeliveryStatus: ["delivery"], LinkedPage: ["rule_page"], CalendarMethod: ["rule_calendar"] };

test("every word that the server may say has words of ours", () => {
  const { schemas } = JSON.parse(readFileSync(join(import.meta.dirname, "../../docs/openapi.json"), "utf8")).components;
  for (const [name, prefixes] of Object.entries(groups)) {
    assert.ok(schemas[name].enum.length > 1, name);
    for (const prefix of prefixes) assert.deepEqual(schemas[name].enum.filter((word) => !(`${prefix}.${word}` in words.en)), [], `${name}: ${prefix}`);
  }
  assert.deepEqual(schemas.Scope.enum.filter((scope) => !(`scope.${scope.replace(":", "_")}` in words.en)), []);
  const rules = Object.values(JSON.parse(readFileSync(join(import.meta.dirname, "../../domain/src/rule/defaults.json"), "utf8")));
  assert.deepEqual([...new Set(rules.map(({ on }) => on))].filter((type) => !EVENT_TYPES.includes(type) || !(`type.${type.replace(".", "_")}` in words.en)), []);
  for (const type of EVENT_TYPES) assert.deepEqual(facts(type).filter((name) => !(`fact.${name.replace(".", "_")}` in words.en)), [], type);
  assert.deepEqual(PARTS.filter((part) => !(`part.${part}` in words.en)), []);
});
