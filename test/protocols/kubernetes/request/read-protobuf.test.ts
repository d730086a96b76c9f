import { describe, expect, it } from 'vitest'
import { readProtobuf } from '../../../../src/protocols/kubernetes/request/read-protobuf.ts'

/** Fields by hand: number and content, as bytes (wire type 2) or as a number (wire type 0). */
function message(...fields: readonly (readonly [number, Buffer | string | number])[]): Buffer {
  return Buffer.concat(
    fields.map(([number, content]) => {
      if (typeof content === 'number') return Buffer.from([number << 3, content])
      const bytes = Buffer.from(content)
      return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes])
    }),
  )
}

const envelope = (
  raw: Buffer,
  type = message([1, 'v1'], [2, 'Pod']),
  ...more: readonly (readonly [number, string])[]
): Buffer => Buffer.concat([Buffer.from('k8s\0'), message([1, type], [2, raw], ...more)])

/** PodSpec: hostNetwork is 11. */
const SPEC = message([11, 1])

describe('bodies in protobuf', () => {
  it('reads what is whole', () => {
    const name = message([1, message([1, 'web'])], [2, SPEC])
    expect(readProtobuf(envelope(name))).toEqual({
      object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: { hostNetwork: true } },
    })
  })

  it.each([
    ['no magic', Buffer.from('k8t\0')],
    ['nothing', Buffer.from('k8s\0')],
    ['a message that comes twice, which the server merges', envelope(message([2, message([11, 0])], [2, SPEC]))],
    ['a value that comes twice, of which the last counts', envelope(message([2, message([11, 0], [11, 1])]))],
    ['a field that is not known, which the server skips', envelope(message([2, SPEC], [99, 'x']))],
    ['a value of another wire type', envelope(message([2, message([11, 'x'])]))],
    ['a message that is a number', envelope(message([2, 1]))],
    [
      'a kind that JSON has as a list',
      envelope(message([1, 'x']), message([1, 'authorization.k8s.io/v1'], [2, 'ExtraValue'])),
    ],
    ['a body that ends within a value', envelope(message([2, SPEC])).subarray(0, -1)],
    ['a body that ends within a tag', Buffer.concat([envelope(message([2, SPEC])), Buffer.from([0x80])])],
    ['a length beyond the end', Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x0a, 0xff, 0xff, 0x03])])],
    ['a number that goes on', envelope(message([2, Buffer.from([0x58, ...Array<number>(11).fill(0xff)])]))],
    ['a group', envelope(Buffer.from([0x13, 0x14]))],
    ['a field without a number', envelope(Buffer.from([0x02, 0x00]))],
    ['a kind that is not known', envelope(SPEC, message([1, 'v1'], [2, 'Podd']))],
    ['a kind of another group', envelope(SPEC, message([1, 'apps/v1'], [2, 'Pod']))],
    ['a kind that objects inherit', envelope(SPEC, message([1, 'v1'], [2, 'constructor']))],
    ['no kind', envelope(SPEC, message([1, 'v1']))],
    ['a kind twice', envelope(SPEC, message([1, 'v1'], [2, 'Pod'], [2, 'Secret']))],
    ['another encoding', envelope(SPEC, message([1, 'v1'], [2, 'Pod']), [3, 'gzip'])],
    ['another type within', envelope(SPEC, message([1, 'v1'], [2, 'Pod']), [4, 'application/json'])],
    ['a second body', Buffer.concat([envelope(message([2, message([11, 0])])), message([2, message([2, SPEC])])])],
    ['a text that is not UTF-8', envelope(message([1, message([1, Buffer.from([0xff])])]))],
    [
      'a key of a map twice',
      envelope(message([1, message([11, message([1, 'a'], [2, 'x'])], [11, message([1, 'a'], [2, 'y'])])])),
    ],
    ['a key within an entry twice', envelope(message([1, message([11, message([1, 'a'], [1, 'b'], [2, 'x'])])]))],
    ['an entry without a value', envelope(message([1, message([11, message([1, 'a'])])]))],
  ])('does not read %s', (_, bytes) => {
    expect(readProtobuf(bytes)).toHaveProperty('failure')
  })
})
