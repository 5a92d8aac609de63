console.log(process.env.GUICHET_PEERS_STORAGE, process.env.GUICHET_TEST_DATABASE_URL, process.env.GUICHET_TEST_REDIS_URL)
