import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { page } from '../../../../src/protocols/http/browser/pages.ts'

it('a page has no markup but its own, wherever a text stands', () => {
  const evil = `"><script>alert(1)</script><a href='`
  const { body } = page({
    title: evil,
    paragraphs: [evil],
    link: { text: evil, url: evil },
    note: evil,
    next: { seconds: 1, path: evil },
    button: { text: evil, path: evil },
  })
  const html = body.toString()
  expect(html).not.toContain('<script')
  expect(html).not.toContain(evil)
  expect(html.match(/&#62;&#60;script&#62;/g)).toHaveLength(9)
})

it('a page allows its own style and nothing else', () => {
  const { headers, body } = page({ title: 'Not allowed', paragraphs: ['no'] })
  const style = /<style>(.*)<\/style>/.exec(body.toString())?.[1] ?? ''
  const digest = createHash('sha256').update(style).digest('base64')
  expect(Object.fromEntries(headers)['content-security-policy']).toBe(
    `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  )
  expect(Object.fromEntries(headers)).toMatchObject({ 'cache-control': 'no-store', 'x-frame-options': 'DENY' })
})
