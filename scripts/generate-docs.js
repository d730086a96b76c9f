// Writes the parts of the documentation that come from the code: docs/errors.md, docs/configuration.md and the JSON Schema beside it,
// docs/reference/ and the manual pages in man/. With --check it writes nothing and fails where they are not up to date.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { errorCodes, exitCodes } from '../dist/shared/error-codes.js'
import { gatewayHalves } from '../dist/protocols/gateway.js'
import { protocols } from '../dist/protocols/names.js'
import { configJsonSchema } from '../dist/server/config/schema.js'
import { policyLanguage } from '../dist/protocols/policy-language.js'
import { references } from './reference.js'

const check = process.argv.includes('--check')
let stale = 0
const schema = configJsonSchema()

put('docs/errors.md', errorsPage())
put('docs/configuration.md', configurationPage())
put('docs/pam.schema.json', `${JSON.stringify(schema, null, 2)}\n`)
for (const [path, text] of Object.entries(references)) put(path, text)
process.exitCode = stale > 0 ? 1 : 0

function put(path, text) {
  const file = new URL(`../${path}`, import.meta.url)
  if (!check) {
    mkdirSync(new URL('.', file), { recursive: true })
    return writeFileSync(file, text)
  }
  let current = ''
  try {
    current = readFileSync(file, 'utf8')
  } catch {}
  if (current === text) return
  stale++
  process.stderr.write(`${path} is not what "npm run docs" writes\n`)
}

function errorsPage() {
  const native = Object.entries(gatewayHalves).flatMap(([name, { errors }]) =>
    errors === undefined ? [] : [{ label: protocols[name].label, ...errors }],
  )
  const row = (cells) => `| ${cells.join(' | ')} |`
  const head = ['code', 'meaning', 'HTTP', ...native.map(({ name }) => name), 'exit']
  const rows = Object.entries(errorCodes).map(([code, { summary, status, exit }]) =>
    row([`\`${code}\``, summary, status, ...native.map(({ codes }) => codes[code]), exit]),
  )
  const exits = Object.entries(exitCodes).map(([code, what]) => `| ${code} | ${what} |`)
  return `# Errors

Every error has a stable code, a sentence, often a hint, and an id to quote where there is one. The API answers with
problem+json (RFC 9457). Native clients get the error in their own protocol (${native.map(({ label, name }) => `${label}: ${name}`).join(', ')}). The command line prints
\`pamctl: …\` and \`hint: …\` on stderr and ends with the exit code. This page is written by \`npm run docs\`.

${row(head)}
${row(head.map(() => '---'))}
${rows.join('\n')}

## Exit codes of \`pamctl\`

| code | meaning |
| --- | --- |
${exits.join('\n')}

\`pamctl connect TARGET -- CMD\` ends with CMD's own code: 126 where it may not be run, 127 where it is not found, 128 and
the signal's number where a signal ended it. Ctrl-C at one of pamctl's own prompts is 130. So it is while \`login\` waits for the browser (an
earlier sign-in stays), and where it ends the command of \`exec\`: one that was held is then withdrawn and does not run.

While \`connect\` or \`request --wait\` waits for approval, Ctrl-C (130), SIGTERM (143) and SIGHUP (129) withdraw the request that this
command made. A request that an earlier command made is only waited for, and stays.
`
}

function configurationPage() {
  return `# Configuration

The gateway reads one YAML file. [Quickstart](quickstart.md) has a small one to begin with; this page lists every key, and is written by
\`npm run docs\`.

- **Durations** are written \`90s\`, \`30m\`, \`1h30m\` or \`2d\`, **sizes** \`512 KiB\`, \`1 MiB\` or \`20 GiB\`.
- **Secrets** are never in the file, but named by it: \`env:NAME\` is an environment variable, \`file:PATH\` a file. Relative paths start
  at the directory of the configuration file. What the gateway logs in to targets with may also be in a store: see [credentials](credentials.md).
- **Rules** are read from top to bottom; the first one that matches decides, and what no rule allows is denied. Masking rules are the
  exception: every one that matches applies. A rule that allows what cannot be determined (\`unknown: true\`) leaves what an earlier rule
  may hold to that rule.
- **Reloading**: SIGHUP reads the file again; one that is not valid changes nothing. Live sessions follow the new rules for commands at once,
  and end where no access rule gives them to their person any more, or where the new rules are about a group that the person has joined or
  left since; what is masked in them stays as it was when they began.
- **Editors** complete and check it with [pam.schema.json](pam.schema.json): put
  \`# yaml-language-server: $schema=pam.schema.json\` on the first line.

## Checking it

\`pam-gateway check --config pam.yaml\` says what is wrong, with file, line and column; start and reload do the same.

| | |
| --- | --- |
| errors | unknown keys, kinds, sets and groups; patterns that nothing can match; accounts that no target has; fields of the other protocol; secrets that are unset, empty or unreadable; certificates and keys that cannot be read or do not belong together; aliases that stand for too much |
| warnings | targets and labels that no target has; rules that never apply because an earlier one decides; rules that deny or hold after one that already allows; kinds of a protocol that no target speaks; what is for evaluation only |
| \`--connect\` | also logs in to each target with each account (host key, TLS, credentials), warns of masked columns and relations in rules that none of the targets has, asks issuers for their metadata, keys and a device code, and checks the gateway's certificate, the store and the home of records; each for at most 15 seconds |
| \`--json\` | \`{valid, errors, warnings, tests, connections}\` on standard output |
| exit code | 0: all is well, warnings included; 1: a test or a connection failed; 2: the file is not valid |

Groups are known where every issuer has \`knownGroups\`; conditions (\`when\`) are checked for their types only.

## Conditions

\`when:\` is an expression of [CEL](https://cel.dev) over these variables. A field that a statement does not have is empty, or false.

| | |
| --- | --- |
| \`person\` | \`person.id\`, \`person.kind\`, \`person.label\`, \`person.groups\` |
| \`target\` | \`target.name\`, \`target.type\`, \`target.labels\` |
| \`statement\`, in rules for commands | \`statement.kinds\`, \`statement.reads\`, \`statement.writes\`, \`statement.unknown\` |
${policyLanguage.vocabularies
  .map(
    ({ about, variables }) =>
      `| of ${about} | ${Object.keys(variables)
        .map((name) => `\`statement.${name}\``)
        .join(', ')} |`,
  )
  .join('\n')}

## Kinds

What \`match.kinds\` can name; \`create-*\` matches every kind that begins so. A statement has the kinds of all its parts.

${Object.entries(policyLanguage.protocols)
  .map(([type, { kinds }]) => `Targets of type \`${type}\`: ${kinds.map((kind) => `\`${kind}\``).join(' ')}`)
  .join('\n\n')}

## Keys

${Object.entries(schema.properties)
  .map(([name, node]) => section(name, node))
  .join('\n\n')}
`
}

/** A top-level key with all below it. Where a list has entries of several types, each type has a table. */
function section(name, node) {
  const about = node.description === undefined ? '' : `${sentence(node.description)}\n\n`
  const types = node.items?.oneOf
  if (types !== undefined) {
    const tables = types.map((entry) => {
      const { const: type } = entry.properties.type
      return `Entries with \`type: ${type}\`:\n\n${table({ properties: entry.properties, required: entry.required }, `${name}[].`)}`
    })
    return `### ${name}\n\n${about}${tables.join('\n\n')}`
  }
  const inner = node.type === 'array' ? node.items : node
  const body = inner.properties
    ? table(inner, node.type === 'array' ? `${name}[].` : `${name}.`)
    : table({ properties: { [name]: node } }, '')
  return `### ${name}\n\n${inner.properties ? about : ''}${body}`
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`
}

function table(node, prefix) {
  const lines = ['| key | type | default | meaning |', '| --- | --- | --- | --- |']
  walk(node, prefix, lines)
  return lines.join('\n')
}

function walk(node, prefix, lines) {
  for (const [name, value] of Object.entries(node.properties ?? {})) {
    const path = `${prefix}${name}`
    const required = (node.required ?? []).includes(name) && value.default === undefined
    const isList = value.type === 'array'
    const inner = isList ? value.items : value
    const byDefault =
      value.default === undefined || typeof value.default === 'object'
        ? required
          ? '*required*'
          : ''
        : `\`${JSON.stringify(value.default)}\``
    lines.push(
      `| \`${path}${isList && inner.properties ? '[]' : ''}\` | ${typeOf(value)} | ${byDefault} | ${(value.description ?? '').replaceAll('|', '\\|')} |`,
    )
    const below = `${path}${isList ? '[]' : ''}.`
    if (inner.properties) walk(inner, below, lines)
    for (const one of inner.oneOf ?? []) if (one.properties) walk(one, below, lines)
  }
}

function typeOf(value) {
  if (value.enum) return value.enum.map((one) => `\`${one}\``).join(' or ')
  if (value.const !== undefined) return `\`${value.const}\``
  if (value.type === 'array') return `list of ${typeOf(value.items)}`
  if (value.type === 'object' && value.additionalProperties && !value.properties) return 'map'
  return value.type ?? 'value'
}
