const config = {
  name: 'chatMessages',
  schema: { type: 'object', properties: { text: { type: 'string' } } },
  baseConfig: { storageType: 'default' },
};

module.exports = { config };
