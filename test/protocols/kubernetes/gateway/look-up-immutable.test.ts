import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import type { ConnectionParts } from '../../../../src/protocols/kubernetes/gateway/connection-parts.ts'
import { withImmutability } from '../../../../src/protocols/kubernetes/gateway/look-up-immutable.ts'
import type { KubernetesCommand } from '../../../../src/protocols/kubernetes/gateway/read-command.ts'
import { readApiRequest } from '../../../../src/protocols/kubernetes/request/api-request.ts'
import { readBody } from '../../../../src/protocols/kubernetes/request/read-body.ts'

const FIELDS = [
  { owner: 'secrets', path: ['data', null] },
  { owner: 'things.example.com', path: ['spec', 'token'] },
]
const THING = '/apis/example.com/v1/namespaces/dev/things/a'
const DEFINITION = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com'

/** What is asked of an API server that has these objects, and whether the request is refused then. */
async function tried(line: string, body: object, objects: Readonly<Record<string, object>>) {
  const [method = '', target = ''] = line.split(' ')
  const asked: string[] = []
  const command = {
    request: readApiRequest(method, target),
    body: readBody('application/merge-patch+json', Buffer.from(JSON.stringify(body))),
    head: { method, target, headers: [] },
    bytes: Buffer.alloc(0),
    facts: { statements: [] },
  }
  const parts = {
    session: {
      masking: { columns: [], kinds: [], fields: FIELDS },
      denies: () => false,
      commitment: (value: string) => value,
      lease: {},
      person: {},
      config: {},
    },
    upstream: {
      send({ target: at }: { target: string }) {
        asked.push(at)
        const found = objects[at]
        const text = JSON.stringify(found ?? {})
        return Promise.resolve({ status: found === undefined ? 404 : 200, body: Readable.from([Buffer.from(text)]) })
      },
    },
  }
  const { refusal } = await withImmutability(
    command as unknown as KubernetesCommand,
    parts as unknown as ConnectionParts,
    new AbortController().signal,
  )
  return { asked, refused: refusal?.code }
}

const rule = (text: string) => ({ spec: { versions: [{ schema: { 'x-kubernetes-validations': [{ rule: text }] } }] } })
const SECRET = '/api/v1/namespaces/dev/secrets/db'
const token = { spec: { token: 'guess' } }

it.each([
  [
    'an immutable Secret',
    SECRET,
    { data: { a: 'YQ==' } },
    { [SECRET]: { immutable: true } },
    SECRET,
    'MASKING_REFUSED',
  ],
  ['a Secret', SECRET, { data: { a: 'YQ==' } }, { [SECRET]: { data: {} } }, SECRET, undefined],
  ['a Secret that is not there', SECRET, { data: { a: 'YQ==' } }, {}, SECRET, undefined],
  [
    'a resource with a transition rule',
    THING,
    token,
    { [DEFINITION]: rule('self == oldSelf') },
    DEFINITION,
    'MASKING_REFUSED',
  ],
  ['a resource with other rules', THING, token, { [DEFINITION]: rule('self.size() < 9') }, DEFINITION, undefined],
  ['a resource without a definition', THING, token, {}, DEFINITION, 'MASKING_REFUSED'],
  ['a subresource of one', `${THING}/status`, token, {}, DEFINITION, 'MASKING_REFUSED'],
])('a write to masked fields of %s is looked up', async (_what, path, body, objects, lookedUp, refused) => {
  expect(await tried(`PATCH ${path}`, body, objects)).toEqual({ asked: [lookedUp], refused })
})

it('asks nothing for writes to other fields, and for reading', async () => {
  const nothing = { asked: [], refused: undefined }
  expect(await tried(`PATCH ${THING}`, { spec: { size: 1 } }, {})).toEqual(nothing)
  expect(await tried(`GET ${THING}`, token, {})).toEqual(nothing)
})
