// Makes src/protocols/kubernetes/request/messages-data.ts: the messages of Kubernetes' API, from the generated.proto files and the Go types of
// k8s.io/api and k8s.io/apimachinery (Apache-2.0, The Kubernetes Authors), which Go's module proxy has. Run it by hand for a new version.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const VERSION = 'v0.37.2'
const OUT = fileURLToPath(new URL('../src/protocols/kubernetes/request/messages-data.ts', import.meta.url))

const api = download('k8s.io/api')
const machinery = download('k8s.io/apimachinery')
const packages = {}
for (const [root, prefix] of [
  [api, 'k8s.io.api'],
  [machinery, 'k8s.io.apimachinery'],
]) {
  for (const file of protoFiles(root)) {
    const directory = dirname(file)
    if (directory.includes('testapigroup') || directory.endsWith('schema')) continue
    const name = `${prefix}.${relative(root, directory).replaceAll('/', '.')}`
    packages[name] = {
      group: groupOf(directory),
      messages: readProto(readFileSync(file, 'utf8'), name, readTags(directory)),
    }
  }
}
const lines = Object.entries(packages).map(([name, content]) => `  ${quote(name)}: ${quote(JSON.stringify(content))},`)
writeFileSync(
  OUT,
  `// Made by scripts/make-kubernetes-messages.js from k8s.io/api and k8s.io/apimachinery ${VERSION}: do not edit.
// Copyright The Kubernetes Authors, Apache License 2.0 (https://www.apache.org/licenses/LICENSE-2.0).

/** JSON, by package: its API group, and its messages with their fields ([number, type, 'repeated' | 'map' | 'inline']). */
export const MESSAGES: Readonly<Record<string, string>> = {
${lines.join('\n')}
}
`,
)

function quote(text) {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

function download(module) {
  const directory = mkdtempSync(join(tmpdir(), 'kubernetes-messages-'))
  try {
    const answer = execFileSync('go', ['mod', 'download', '-json', `${module}@${VERSION}`], { cwd: directory })
    return JSON.parse(answer).Dir
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function protoFiles(directory) {
  return readdirSync(directory, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) return protoFiles(path)
      return entry.name === 'generated.proto' ? [path] : []
    })
    .toSorted()
}

/** The API group that a package registers its types in; none where it registers none. */
function groupOf(directory) {
  const file = join(directory, 'register.go')
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const group = /GroupName\s*=\s*"([^"]*)"/.exec(text)?.[1]
  const version = /GroupVersion\{Group: GroupName, Version: "([^"]+)"\}/.exec(text)?.[1]
  return group === undefined || version === undefined ? null : group === '' ? version : `${group}/${version}`
}

/** What fields are called in JSON, by struct and number; empty for one whose fields are its owner's. */
function readTags(directory) {
  const tags = {}
  for (const name of readdirSync(directory).filter((name) => name.endsWith('.go') && !name.includes('generated'))) {
    let struct
    for (const line of readFileSync(join(directory, name), 'utf8').split('\n')) {
      struct = /^type (\w+) struct \{/.exec(line)?.[1] ?? struct
      const [, json, number] = /^(?!\s*\/\/).*json:"(-|\w*)[^"]*".*protobuf:"\w+,(\d+)/.exec(line) ?? []
      if (struct !== undefined && number !== undefined) (tags[struct] ??= {})[number] = json
    }
  }
  return tags
}

function readProto(text, name, tags) {
  const messages = {}
  let message
  for (const line of text.split('\n').map((line) => line.replace(/\/\/.*$/, '').trim())) {
    const opened = /^message (\w+) \{$/.exec(line)
    if (opened) {
      message = opened[1]
      messages[message] = {}
      continue
    }
    if (line === '}') message = undefined
    const field = /^(optional|repeated) ([\w.]+) (\w+) = (\d+);$/.exec(line)
    const map = /^map<string, ([\w.]+)> (\w+) = (\d+);$/.exec(line)
    if (message === undefined || line === '' || line === '}') continue
    if (!field && !map) throw new Error(`${name}.${message}: ${line}`)
    const [type, own, number] = map ? map.slice(1) : field.slice(2)
    const tag = tags[message]?.[number]
    const label = map ? 'map' : field[1] === 'repeated' ? 'repeated' : tag === '' ? 'inline' : undefined
    const json = tag === undefined || tag === '' || tag === '-' ? own : tag
    if (Object.hasOwn(messages[message], json)) throw new Error(`${name}.${message} has ${json} twice`)
    messages[message][json] = [Number(number), typeName(type, name), ...(label ? [label] : [])]
  }
  return messages
}

/** A scalar, or a message by its full name. */
function typeName(type, name) {
  if (/^(string|bytes|bool|double|int32|int64|uint32|uint64)$/.test(type)) return type
  return type.includes('.') ? type.replace(/^\./, '') : `${name}.${type}`
}
