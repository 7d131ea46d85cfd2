// What `redact` can look for by name. How each is found is libs/redact's affair; this is what a policy may say.

/** Every detector, with what it finds. */
export const DETECTOR_NOTES = {
  private_key: 'Private keys: PEM and OpenPGP blocks, PuTTY files, JSON web keys',
  jwt: 'JSON web tokens: signed, encrypted or unsecured',
  aws_key: 'AWS access keys and their secrets',
  github_token: 'Tokens of GitHub',
  gitlab_token: 'Tokens of GitLab',
  slack_token: 'Tokens and webhook addresses of Slack',
  stripe_key: 'Keys of Stripe',
  google_key: 'API keys and client secrets of Google',
  ai_key: 'Keys of AI services',
  registry_token: 'Tokens of package registries',
  cloud_token: 'Tokens of cloud and infrastructure services',
  chat_token: 'Tokens and webhook addresses of chat services',
  mail_key: 'Keys of mail services',
  commerce_key: 'Keys of shops and payment services',
  saas_token: 'Tokens of other services with a form of their own',
  connection_string: 'Connection strings that carry a password',
  http_credentials: 'Credentials as HTTP carries them: Bearer, Basic, session cookies',
  credit_card: "Payment card numbers of a known issuer with a right check digit (Luhn's)",
  iban: 'Bank account numbers with right check digits (ISO 13616)',
  ssn: 'Social security numbers of the United States',
  email: 'E-mail addresses',
  phone: 'Phone numbers',
  generic_secret: 'Values of names that say they are secret: password, token, client_secret',
} as const

export type Detector = keyof typeof DETECTOR_NOTES
