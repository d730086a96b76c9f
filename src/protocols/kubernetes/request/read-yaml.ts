import { isMap, isScalar, isSeq, parseAllDocuments, type Scalar } from 'yaml'
import { emptyObject } from './json-value.ts'

/**
 * YAML of which every reader of YAML 1.1 and 1.2 makes the same: without anchors, tags, merge keys and directives, and with plain
 * words that are nothing else. What has to be quoted to mean the same everywhere is a failure.
 */
export function readYaml(text: string): { readonly value: unknown } | { readonly failure: string } {
  if (text.length > MAX_LENGTH)
    return { failure: `YAML of more than ${MAX_LENGTH / 1024} KiB is not analysed: send JSON` }
  if (/^(%|\ufeff)/m.test(text)) return { failure: 'the YAML of the body has directives' }
  // That keys are unique is seen below: the library compares each with each.
  // Nobody reads its errors: it would look up the line of each, for tens of thousands of them in seconds.
  const documents = parseAllDocuments(text, {
    strict: true,
    uniqueKeys: false,
    merge: false,
    prettyErrors: false,
    logLevel: 'silent',
  })
  const [document] = documents
  if (!Array.isArray(documents) || documents.length !== 1 || document === undefined)
    return { failure: 'the body is not one document of YAML' }
  if (document.errors.length > 0 || document.warnings.length > 0) return { failure: 'the body is not YAML' }
  try {
    return { value: valueOf(document.contents, 0) }
  } catch (error) {
    if (error instanceof Ambiguous)
      return { failure: `the YAML of the body is read in different ways: ${error.message}` }
    throw error
  }
}

class Ambiguous extends Error {}

function valueOf(node: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new Ambiguous('nested too deeply')
  if (node === null) return null
  if (!isMap(node) && !isSeq(node) && !isScalar(node)) throw new Ambiguous('aliases')
  if (node.anchor !== undefined) throw new Ambiguous('anchors')
  if (node.tag !== undefined && (isScalar(node) || !COLLECTIONS.has(node.tag))) throw new Ambiguous('tags')
  if (isScalar(node)) return scalar(node)
  if (isSeq(node)) return node.items.map((item) => valueOf(item, depth + 1))
  const object = emptyObject()
  for (const { key, value } of node.items) {
    if (!isScalar(key)) throw new Ambiguous('keys that are not strings')
    const name = scalar(key)
    if (typeof name !== 'string' || name === '<<' || name in object) throw new Ambiguous('keys that are not strings')
    object[name] = valueOf(value, depth + 1)
  }
  return object
}

function scalar({ type, source = '', value }: Scalar): unknown {
  if (type !== 'PLAIN') {
    if (typeof value !== 'string') throw new Ambiguous('a value that is not a string')
    return value
  }
  if (source === '' || source === 'null' || source === '~') return null
  if (source === 'true') return true
  if (source === 'false') return false
  if (NUMBER.test(source)) return Number(source)
  if (!TEXT.test(source) || WORDS.has(source.toLowerCase()))
    throw new Ambiguous(`${source.slice(0, 40)} without quotes`)
  return source
}

const COLLECTIONS = new Set(['tag:yaml.org,2002:map', 'tag:yaml.org,2002:seq'])
const NUMBER = /^(?!-0(?:\.0*)?$)-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?$/
/** Begins with a letter or a slash, or is an amount with its unit. */
const TEXT = /^[A-Za-z/][^\n]*$|^\d{1,15}(?:m|k|M|G|T|Ki|Mi|Gi|Ti|s|h)$/
/** Words that YAML 1.1 takes for something else, in any case. */
const WORDS = new Set(['y', 'n', 'yes', 'no', 'on', 'off', 'true', 'false', 'null'])
const MAX_DEPTH = 64
/** The library takes a while; kubectl sends JSON whatever it reads. */
const MAX_LENGTH = 64 * 1024
