// The reviews that are out, live: group `published` or `held`. TypeScript.
import { StreamConfig } from 'motia'

export const config: StreamConfig = {
  name: 'reviews',
  schema: {
    type: 'object',
    properties: { product: { type: 'string' }, text: { type: 'string' }, points: { type: 'number' } },
    required: ['product', 'text', 'points'],
  },
  baseConfig: { storageType: 'default' },
}
