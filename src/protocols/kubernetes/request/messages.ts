import { MESSAGES } from './messages-data.ts'

/** A message of the API: what an object, or a part of one, may hold. Names are those of JSON. */
export interface Message {
  /** Without the package: `PodSpec`. */
  readonly name: string
  readonly fullName: string
  /** Without the fields that are inline: theirs are here in their place. */
  readonly fields: ReadonlyMap<string, MessageField>
  /** As they are encoded, inline ones as themselves. */
  readonly byNumber: ReadonlyMap<number, MessageField>
}

export interface MessageField {
  readonly name: string
  readonly number: number
  /** A scalar of protobuf, or the full name of a message. */
  readonly type: string
  readonly label: 'single' | 'repeated' | 'map' | 'inline'
}

/** The message of a kind; undefined where the API's own packages have none. */
export function messageOfKind(apiVersion: string, kind: string): Message | undefined {
  const prefix = OPTIONS.has(kind) ? 'meta.k8s.io/v1' : apiVersion
  const packageName = packages().byGroup.get(prefix)
  return packageName === undefined ? undefined : messageOf(`${packageName}.${kind}`)
}

export function messageOf(fullName: string): Message | undefined {
  const before = messages.get(fullName)
  if (before !== undefined) return before
  const at = fullName.lastIndexOf('.')
  const known = packages().byName.get(fullName.slice(0, at))?.messages
  const name = fullName.slice(at + 1)
  const content = known !== undefined && Object.hasOwn(known, name) ? known[name] : undefined
  if (content === undefined) return undefined
  const byNumber = new Map<number, MessageField>()
  const fields = new Map<string, MessageField>()
  for (const [field, [number, type, label = 'single']] of Object.entries(content)) {
    const one: MessageField = { name: field, number, type, label }
    byNumber.set(number, one)
    if (label !== 'inline') fields.set(field, one)
    else for (const [inner, value] of messageOf(type)?.fields ?? []) fields.set(inner, value)
  }
  const message = { name, fullName, fields, byNumber }
  messages.set(fullName, message)
  return message
}

const messages = new Map<string, Message>()

type PackedMessage = Readonly<Record<string, readonly [number, string, MessageField['label']?]>>
interface Package {
  readonly group: string | null
  readonly messages: Readonly<Record<string, PackedMessage>>
}

let parsed: { readonly byName: ReadonlyMap<string, Package>; readonly byGroup: ReadonlyMap<string, string> } | undefined

/** Parsed at the first use. */
function packages(): NonNullable<typeof parsed> {
  if (parsed !== undefined) return parsed
  const byName = new Map(Object.entries(MESSAGES).map(([name, text]) => [name, JSON.parse(text) as Package] as const))
  const byGroup = new Map([...byName].flatMap(([name, { group }]) => (group === null ? [] : [[group, name] as const])))
  parsed = { byName, byGroup }
  return parsed
}

/** Every group has them as kinds of its own. */
const OPTIONS = new Set([
  'CreateOptions',
  'DeleteOptions',
  'GetOptions',
  'ListOptions',
  'PatchOptions',
  'UpdateOptions',
])
