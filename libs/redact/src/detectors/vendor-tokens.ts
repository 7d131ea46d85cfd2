// Credentials that say what they are: each vendor's prefix, followed by a run of known characters. One pass over
// the text looks at the starts of words only. Adding a vendor is adding a line.
import {
  ALNUM,
  BASE64,
  BASE64URL,
  DIGIT,
  DOT,
  HEX,
  UPPER,
  isAt,
  runEnd,
  startsWord,
  varietyOf,
} from '../characters.ts'
import type { Emit } from '../finding.ts'

export const VENDOR_DETECTORS = [
  'aws_key',
  'github_token',
  'gitlab_token',
  'slack_token',
  'stripe_key',
  'google_key',
  'ai_key',
  'registry_token',
  'cloud_token',
  'chat_token',
  'mail_key',
  'commerce_key',
  'saas_token',
] as const
export type VendorDetector = (typeof VENDOR_DETECTORS)[number]

type Shape = { prefix: string; characters: number; min: number; exact?: boolean }
type Vendor = Shape & { detector: VendorDetector }

const UPPER_ALNUM = UPPER | DIGIT
const DOTTED = BASE64URL | DOT

const shapes: Record<VendorDetector, [prefix: string, characters: number, min: number, exact?: 'exact'][]> = {
  aws_key: [
    ['AKIA', UPPER_ALNUM, 16, 'exact'],
    ['ASIA', UPPER_ALNUM, 16, 'exact'],
    ['ABIA', UPPER_ALNUM, 16, 'exact'],
    ['ACCA', UPPER_ALNUM, 16, 'exact'],
    ['ABSK', BASE64, 100],
    ['FwoGZXIvYXdz', BASE64, 80],
    ['IQoJb3JpZ2lu', BASE64, 80],
  ],
  github_token: [
    ['ghp_', BASE64URL, 30],
    ['gho_', BASE64URL, 30],
    ['ghu_', BASE64URL, 30],
    ['ghs_', DOTTED, 30],
    ['ghr_', BASE64URL, 30],
    ['github_pat_', BASE64URL, 36],
  ],
  gitlab_token: [
    ['glpat-', DOTTED, 20],
    ['gldt-', BASE64URL, 20],
    ['glrt-', DOTTED, 20],
    ['glrtr-', DOTTED, 20],
    ['glcbt-', BASE64URL, 20],
    ['glptt-', BASE64URL, 20],
    ['glsoat-', BASE64URL, 20],
    ['glagent-', BASE64URL, 20],
    ['gloas-', BASE64URL, 20],
    ['glft-', BASE64URL, 20],
    ['glimt-', BASE64URL, 20],
    ['glffct-', BASE64URL, 20],
    ['GR1348941', BASE64URL, 20],
  ],
  slack_token: [
    ['xoxb-', BASE64URL, 20],
    ['xoxp-', BASE64URL, 20],
    ['xoxa-', BASE64URL, 20],
    ['xoxr-', BASE64URL, 20],
    ['xoxs-', BASE64URL, 20],
    ['xoxo-', BASE64URL, 20],
    ['xoxc-', BASE64URL, 20],
    ['xoxd-', BASE64 | BASE64URL, 20],
    ['xoxe-', BASE64URL, 20],
    ['xoxe.xox', DOTTED, 20],
    ['xapp-', BASE64URL, 20],
    ['xwfp-', BASE64URL, 20],
  ],
  stripe_key: [
    ['sk_live_', ALNUM, 16],
    ['sk_test_', ALNUM, 16],
    ['rk_live_', ALNUM, 16],
    ['rk_test_', ALNUM, 16],
    ['sk_prod_', ALNUM, 16],
    ['rk_prod_', ALNUM, 16],
    ['whsec_', BASE64, 24],
  ],
  google_key: [
    ['AIza', BASE64URL, 35],
    ['GOCSPX-', BASE64URL, 24],
    ['ya29.', DOTTED, 20],
    ['1//0', BASE64URL, 30],
    ['AQ.Ab', BASE64URL, 40],
  ],
  ai_key: [
    ['sk-proj-', BASE64URL, 20],
    ['sk-svcacct-', BASE64URL, 20],
    ['sk-admin-', BASE64URL, 20],
    ['sk-None-', BASE64URL, 20],
    ['sk-ant-', BASE64URL, 20],
    ['sk-or-', BASE64URL, 20],
    ['sk-lf-', BASE64URL, 20],
    ['sk-', ALNUM, 20],
    ['hf_', ALNUM, 30],
    ['api_org_', ALNUM, 30],
    ['gsk_', ALNUM, 40],
    ['xai-', ALNUM, 40],
    ['r8_', ALNUM, 30],
    ['pplx-', ALNUM, 32],
    ['nvapi-', BASE64URL, 40],
    ['tvly-', BASE64URL, 20],
    ['lsv2_', BASE64URL, 30],
    ['fw_', ALNUM, 22],
    ['csk-', ALNUM, 40],
    ['jina_', BASE64URL, 40],
    ['pcsk_', BASE64URL, 40],
  ],
  registry_token: [
    ['npm_', ALNUM, 30],
    ['pypi-', BASE64URL, 50],
    ['rubygems_', HEX, 40],
    ['dckr_pat_', BASE64URL, 20],
    ['dckr_oat_', BASE64URL, 20],
    ['oy2', ALNUM, 43],
    ['cio', ALNUM, 32, 'exact'],
    ['AKCp', ALNUM, 60],
    ['cmVmd', ALNUM, 56],
    ['NpmToken.', BASE64URL, 30],
  ],
  cloud_token: [
    ['dop_v1_', HEX, 40],
    ['doo_v1_', HEX, 40],
    ['dor_v1_', HEX, 40],
    ['hvs.', BASE64URL, 24],
    ['hvb.', BASE64URL, 24],
    ['hvr.', BASE64URL, 24],
    ['HRKU-', BASE64URL, 30],
    ['dapi', HEX, 32],
    ['tskey-', BASE64URL, 16],
    ['dp.pt.', ALNUM, 30],
    ['dp.st.', DOTTED, 30],
    ['dp.ct.', ALNUM, 30],
    ['pul-', HEX, 40],
    ['nfp_', ALNUM, 30],
    ['nfc_', ALNUM, 30],
    ['vcp_', ALNUM, 24],
    ['vercel_blob_rw_', BASE64URL, 20],
    ['fm1_', BASE64, 40],
    ['fm2_', BASE64, 40],
    ['fo1_', BASE64URL, 40],
    ['sbp_', HEX, 40],
    ['sb_secret_', BASE64URL, 20],
    ['pscale_tkn_', DOTTED, 30],
    ['pscale_pw_', DOTTED, 30],
    ['pscale_oauth_', DOTTED, 30],
    ['rnd_', ALNUM, 28],
    ['v1.0-', BASE64URL, 100],
    ['cfut_', BASE64URL, 30],
    ['cfat_', BASE64URL, 30],
    ['ops_eyJ', BASE64, 60],
    ['napi_', ALNUM, 40],
    ['neon_', ALNUM, 40],
    ['t1.', DOTTED, 80],
    ['AQVN', BASE64URL, 35],
    ['LTAI', ALNUM, 16],
    ['AKID', ALNUM, 32],
    ['ocid1.credential.', DOTTED, 30],
  ],
  chat_token: [
    ['EAACEdEose0cBA', ALNUM, 20],
    ['EAAG', ALNUM, 80],
    ['syt_', BASE64URL, 20],
  ],
  mail_key: [
    ['SG.', DOTTED, 50],
    ['key-', HEX, 32],
    ['xkeysib-', BASE64URL, 60],
    ['xsmtpsib-', BASE64URL, 60],
    ['re_', BASE64URL, 28],
    ['mlsn.', HEX, 60],
    ['SK', HEX, 32, 'exact'],
  ],
  commerce_key: [
    ['shpat_', HEX, 32],
    ['shpca_', HEX, 32],
    ['shppa_', HEX, 32],
    ['shpss_', HEX, 32],
    ['shptka_', HEX, 32],
    ['sq0atp-', BASE64URL, 20],
    ['sq0csp-', BASE64URL, 40],
    ['sq0idp-', BASE64URL, 20],
    ['EAAA', BASE64URL, 56],
    ['access_token$production$', ALNUM, 32],
    ['access_token$sandbox$', ALNUM, 32],
    ['rzp_live_', ALNUM, 14],
    ['rzp_test_', ALNUM, 14],
    ['FLWSECK', BASE64URL, 20],
    ['EZAK', ALNUM, 54],
    ['EZTK', ALNUM, 54],
    ['shippo_live_', HEX, 40],
    ['shippo_test_', HEX, 40],
    ['duffel_live_', BASE64URL, 40],
    ['duffel_test_', BASE64URL, 40],
    ['pdl_live_apikey_', BASE64URL, 30],
    ['pdl_sdbx_apikey_', BASE64URL, 30],
    ['access-production-', BASE64URL, 36],
    ['access-sandbox-', BASE64URL, 36],
    ['access-development-', BASE64URL, 36],
  ],
  saas_token: [
    ['ATATT3', BASE64URL | BASE64, 50],
    ['ATCTT3', BASE64URL | BASE64, 50],
    ['ATBB', ALNUM, 32],
    ['lin_api_', ALNUM, 30],
    ['lin_oauth_', ALNUM, 30],
    ['secret_', ALNUM, 43],
    ['ntn_', ALNUM, 40],
    ['figd_', BASE64URL, 30],
    ['PMAK-', BASE64URL, 50],
    ['PMAT-', BASE64URL, 20],
    ['NRAK-', ALNUM, 27],
    ['NRJS-', HEX, 19],
    ['NRII-', BASE64URL, 30],
    ['sntrys_', BASE64 | BASE64URL, 40],
    ['sntryu_', HEX, 60],
    ['glsa_', BASE64URL, 38],
    ['glc_', BASE64, 40],
    ['CFPAT-', BASE64URL, 40],
    ['CCIPAT_', BASE64URL, 40],
    ['CCIPRJ_', BASE64URL, 40],
    ['bkua_', HEX, 40],
    ['sgp_', BASE64URL, 40],
    ['aio_', ALNUM, 28],
    ['sl.', DOTTED, 100],
    ['phx_', ALNUM, 40],
    ['pnu_', ALNUM, 36],
    ['rdme_', ALNUM, 60],
    ['sqp_', HEX, 40],
    ['sqa_', HEX, 40],
    ['squ_', HEX, 40],
    ['dt0c01.', DOTTED, 60],
    ['dt0s01.', DOTTED, 60],
    ['pat-na1-', BASE64URL, 36],
    ['pat-eu1-', BASE64URL, 36],
    ['cal_live_', ALNUM, 30],
    ['ghost_', HEX, 40],
    ['tfp_', BASE64URL, 40],
    ['AGE-SECRET-KEY-1', UPPER_ALNUM, 50],
    ['mcps_', BASE64URL, 24],
  ],
}

// The first two characters of a word decide which vendors are compared: nearly all words have none.
const ASCII = 128
const groupOf = new Uint8Array(ASCII * ASCII)
const groups: Vendor[][] = [[]]
for (const detector of VENDOR_DETECTORS) {
  for (const [prefix, characters, min, exact] of shapes[detector]) {
    const pair = prefix.charCodeAt(0) * ASCII + prefix.charCodeAt(1)
    groupOf[pair] ||= groups.push([]) - 1
    groups[groupOf[pair]]!.push({ detector, prefix, characters, min, exact: exact === 'exact' })
  }
}

/** Finds credentials that carry a vendor's prefix. */
export function findVendorTokens(
  text: string,
  wanted: ReadonlySet<string>,
  emit: Emit<VendorDetector>,
): void {
  let code = text.charCodeAt(0)
  for (let i = 0; i + 1 < text.length; i++) {
    const next = text.charCodeAt(i + 1)
    const group = code < ASCII && next < ASCII ? groupOf[code * ASCII + next]! : 0
    code = next
    if (group === 0 || !startsWord(text, i)) continue
    const end = tokenEnd(text, i, groups[group]!, wanted, emit)
    if (end === -1) continue
    i = end - 1
    code = text.charCodeAt(end)
  }
}

/** The end of the run after a vendor's prefix, whether or not it was reported; -1 if no prefix stands at `start`. */
function tokenEnd(
  text: string,
  start: number,
  vendors: Vendor[],
  wanted: ReadonlySet<string>,
  emit: Emit<VendorDetector>,
): number {
  for (const vendor of vendors) {
    if (!text.startsWith(vendor.prefix, start) || !wanted.has(vendor.detector)) continue
    const bodyStart = start + vendor.prefix.length
    const end = runEnd(text, bodyStart, vendor.characters)
    if (end - bodyStart < vendor.min) continue
    if (isCredential(text, vendor, bodyStart, end)) {
      emit(vendor.detector, start, end)
      return end
    }
    // A shorter prefix of another vendor may still fit; a long run is not read twice.
    if (end - bodyStart > MAX_REREAD) return end
  }
  return -1
}
const MAX_REREAD = 512

/** A run of one letter, as in documentation, and the example keys of the vendors themselves are no credentials. */
function isCredential(text: string, vendor: Vendor, bodyStart: number, end: number): boolean {
  if (vendor.exact === true && (end - bodyStart !== vendor.min || isAt(text, end, ALNUM))) return false
  const body = text.slice(bodyStart, Math.min(end, bodyStart + 64))
  if (body.endsWith('EXAMPLE') || varietyOf(body, 7) < 7) return false
  // Names of things (`sk-learn-compatible-estimators`) have no digits; credentials this long nearly always do.
  return vendor.characters === HEX || HAS_DIGIT_OR_MIXED_CASE.test(body)
}
const HAS_DIGIT_OR_MIXED_CASE = /[0-9]|[a-z][A-Z]|[A-Z]{2}[a-z]/
