import type { Detector } from './detector.ts'
import { spansOf } from './spans-of.ts'

/** JSON web tokens (RFC 7519): three parts of base64url, the first of them a JSON object. */
export const jwt: Detector = {
  find: (text) => (text.includes('eyJ') ? spansOf(text, JWT) : []),
  partial: () => 'eyJ***',
}

/** Private keys in PEM form (RFC 7468), and those of OpenSSH; also one that is cut off. */
export const privateKey: Detector = {
  find: (text) => (text.includes('PRIVATE KEY') ? spansOf(text, PRIVATE_KEY) : []),
  partial: () => '-----PRIVATE KEY-----',
}

/** Access keys of clouds and services, by the prefixes that their makers publish. */
export const cloudKey: Detector = {
  find: (text) => spansOf(text, CLOUD_KEY),
  partial: (value) => `${value.slice(0, 4)}***`,
}

const JWT = /(?<![\w-])eyJ[\w-]{5,4096}\.[\w-]{2,65536}\.[\w-]{0,4096}/g
const PRIVATE_KEY =
  /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY-----(?:(?!-----END )[\s\S]){0,65536}(?:-----END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY-----)?/g
const CLOUD_KEY =
  /(?<!\w)(?:(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z2-7]{16}|AIza[\w-]{35}|gh[pousr]_\w{36,255}|github_pat_\w{22,255}|glpat-[\w-]{20,64}|xox[abeoprs]-[\w-]{10,255}|(?:sk|rk|pk)_(?:live|test)_\w{16,255}|sk-ant-[\w-]{20,255}|npm_\w{36}|SG\.[\w-]{22}\.[\w-]{43}|dop_v1_[0-9a-f]{64}|AGE-SECRET-KEY-1[A-Z0-9]{58})(?![\w-])/g
