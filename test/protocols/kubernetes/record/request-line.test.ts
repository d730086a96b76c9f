import { expect, it } from 'vitest'
import { withoutSecrets } from '../../../../src/host/without-secrets.ts'
import { requestLine } from '../../../../src/protocols/kubernetes/record/request-line.ts'
import { readApiRequest } from '../../../../src/protocols/kubernetes/request/api-request.ts'

const session = {
  masking: { kinds: [{ kind: 'email', style: 'redact', hashScope: 'session' }] },
  commitment: () => 'C',
} as const
const keeping = { keep: (text: string) => withoutSecrets(text, session), mark: () => '‹C›' }
const line = (target: string): string => {
  const request = readApiRequest('GET', target)
  if ('failure' in request) throw new Error(request.failure)
  return requestLine(request, target, keeping)
}
const EXEC = '/api/v1/namespaces/dev/pods/web/exec?container=c'
const PODS = '/api/v1/namespaces/dev/pods'

it.each([
  `${EXEC}&command=ls&command=-l&stdout=true`,
  `${EXEC}&command=sh&command=-c&command=echo%20a%0Ab`,
  `${PODS}?fieldSelector=metadata.name%3Dweb&limit=5`,
  `${PODS}/web/log?follow=true&&tailLines=1`,
  '/version',
])('spells %s as it was sent', (target) => {
  expect(line(target)).toBe(`GET ${target}`)
})

it.each([
  ['a word of a command', `${EXEC}&command=env&command=PGPASSWORD%3Dhunter22`, 'command=PGPASSWORD=<secret C>'],
  [
    'the word behind an option',
    `${EXEC}&command=mysql&command=--password&command=hunter22`,
    'command=--password&command=‹C›',
  ],
  [
    'such a word with signs that end others',
    `${EXEC}&command=mysql&command=--password&command=%3Bhunter%26jane%27`,
    'command=--password&command=‹C›',
  ],
  [
    'such a word among words with every blank',
    `${EXEC}&command=%0A%09%0B%0C%E2%80%A8&command=--password&command=hunter22`,
    'command=--password&command=‹C›',
  ],
  [
    'only a word of a script behind what a password is called',
    `${EXEC}&command=sh&command=-c&command=:&command=token&command=hunter+rm+-rf+/data`,
    'command=token&command=<secret C> rm -rf /data',
  ],
  ['a script', `${EXEC}&command=sh&command=-c&command=export+TOKEN%3Dhunter22`, 'command=export TOKEN=<secret C>'],
  [
    'a script of several lines',
    `${EXEC}&command=sh&command=-c&command=a%0Atoken%3Dhunter22%0A`,
    'command=a\ntoken=<secret C>\n',
  ],
  [
    'words with every blank',
    `${EXEC}&command=%0A%09%0B%0C%E2%80%A8&command=token%3Dhunter22`,
    'command=token=<secret C>',
  ],
  ['a name in percent encoding', `${EXEC}&%63ommand=token%3Dhunter22`, '%63ommand=token=<secret C>'],
  ['a selector', `${PODS}?fieldSelector=spec.nodeName%3Djane%40example.org`, 'fieldSelector=<secret C>'],
  ['a parameter for somebody else', '/api/v1/namespaces/dev/services/web/proxy/a?token=hunter%2622', 'token=‹C›'],
  ['a path', '/api/v1/namespaces/dev/services/web/proxy/jane%40example.org', 'proxy/<secret C>'],
])('leaves out a secret: %s', (_name, target, shown) => {
  expect(line(target)).toContain(shown)
  expect(decodeURIComponent(line(target))).not.toMatch(/hunter|jane/)
})
