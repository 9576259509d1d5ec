// Written by `mcp-cloud emit --target azure-functions` from mcp-cloud.toml: change that, and emit again.

@description('Where everything is')
param location string = 'westeurope'

@description('The resource group of the key vault ledger, which has to go by roles')
param resourceGroupOf_ledger string = resourceGroup().name

var suffix = uniqueString(resourceGroup().id, 'ledger')

var name = 'ledger-${suffix}'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
  tags: {
    'cost-center': '0042'
    team: 'books'
  }
}

resource logs 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: name
  location: location
  tags: {
    'cost-center': '0042'
    team: 'books'
  }
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: 90
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: name
  location: location
  tags: {
    'cost-center': '0042'
    team: 'books'
  }
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: logs.id
    DisableLocalAuth: true
  }
}

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: 'ledger${suffix}'
  location: location
  tags: {
    'cost-center': '0042'
    team: 'books'
  }
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: storage
  name: 'default'
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: 'packages'
  properties: {
    publicAccess: 'None'
  }
}

resource storageAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, identity.id, 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b')
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b')
  }
}

resource insightsAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, identity.id, '3913510d-42f4-4e42-8a64-420c390055eb')
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '3913510d-42f4-4e42-8a64-420c390055eb')
  }
}

module secretAccess0 'secret-access.bicep' = {
  name: 'ledger-secret-0'
  scope: resourceGroup(resourceGroupOf_ledger)
  params: {
    vaultName: 'ledger'
    secretName: 'bank'
    principalId: identity.properties.principalId
  }
}

module secretAccess1 'secret-access.bicep' = {
  name: 'ledger-secret-1'
  scope: resourceGroup(resourceGroupOf_ledger)
  params: {
    vaultName: 'ledger'
    secretName: 'mail'
    principalId: identity.properties.principalId
  }
}

module secretAccess2 'secret-access.bicep' = {
  name: 'ledger-secret-2'
  scope: resourceGroup(resourceGroupOf_ledger)
  params: {
    vaultName: 'ledger'
    secretName: 'redis'
    principalId: identity.properties.principalId
  }
}

module secretAccess3 'secret-access.bicep' = {
  name: 'ledger-secret-3'
  scope: resourceGroup(resourceGroupOf_ledger)
  params: {
    vaultName: 'ledger'
    secretName: 'seal'
    principalId: identity.properties.principalId
  }
}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: name
  location: location
  tags: {
    'cost-center': '0042'
    team: 'books'
  }
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: {
    'cost-center': '0042'
    team: 'books'
  }
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identity.id
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${packages.name}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      runtime: {
        name: 'custom'
        version: '1.0'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: 4096
        maximumInstanceCount: 12
        alwaysReady: [
          {
            name: 'http'
            instanceCount: 2
          }
        ]
        triggers: {
          http: {
            perInstanceConcurrency: 40
          }
        }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      cors: {
        allowedOrigins: [
          'https://books.example.com'
        ]
        supportCredentials: false
      }
      ipSecurityRestrictions: [
        {
          name: 'allow-0'
          ipAddress: '203.0.113.0/24'
          action: 'Allow'
          priority: 100
        }
        {
          name: 'allow-1'
          ipAddress: '198.51.100.7/32'
          action: 'Allow'
          priority: 101
        }
      ]
      ipSecurityRestrictionsDefaultAction: 'Deny'
      appSettings: [
        {
          name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING'
          value: 'ClientId=${identity.properties.clientId};Authorization=AAD'
        }
        {
          name: 'APPLICATIONINSIGHTS_CONNECTION_STRING'
          value: insights.properties.ConnectionString
        }
        {
          name: 'AzureWebJobsFeatureFlags'
          value: 'EnableMcpCustomHandlerPreview'
        }
        {
          name: 'AzureWebJobsStorage__blobServiceUri'
          value: storage.properties.primaryEndpoints.blob
        }
        {
          name: 'AzureWebJobsStorage__clientId'
          value: identity.properties.clientId
        }
        {
          name: 'AzureWebJobsStorage__credential'
          value: 'managedidentity'
        }
        {
          name: 'BANK_KEY'
          value: '@Microsoft.KeyVault(SecretUri=https://ledger.vault.azure.net/secrets/bank)'
        }
        {
          name: 'BOOLEAN'
          value: 'on'
        }
        {
          name: 'COLON'
          value: 'key: value'
        }
        {
          name: 'DATE'
          value: '2026-11-21'
        }
        {
          name: 'DOLLAR'
          value: '$HOME \${HOME} $$'
        }
        {
          name: 'EMPTY'
          value: ''
        }
        {
          name: 'EXPONENT'
          value: '1e3'
        }
        {
          name: 'LINES'
          value: 'first\nsecond\ttab'
        }
        {
          name: 'MAIL_PASSWORD'
          value: '@Microsoft.KeyVault(SecretUri=https://ledger.vault.azure.net/secrets/mail)'
        }
        {
          name: 'MCP_CLOUD_ALLOWED_ORIGINS'
          value: 'https://books.example.com'
        }
        {
          name: 'MCP_CLOUD_HEALTH_PATH'
          value: '/alive'
        }
        {
          name: 'MCP_CLOUD_PATH'
          value: '/v1/mcp'
        }
        {
          name: 'MCP_CLOUD_REDIS_URL'
          value: '@Microsoft.KeyVault(SecretUri=https://ledger.vault.azure.net/secrets/redis)'
        }
        {
          name: 'MCP_CLOUD_REQUEST_TIMEOUT'
          value: '230'
        }
        {
          name: 'MCP_CLOUD_RESPONSE_MODE'
          value: 'stream'
        }
        {
          name: 'MCP_CLOUD_SEALING_KEY'
          value: '@Microsoft.KeyVault(SecretUri=https://ledger.vault.azure.net/secrets/seal)'
        }
        {
          name: 'MCP_CLOUD_SESSIONS'
          value: 'sealed'
        }
        {
          name: 'MCP_CLOUD_STORE'
          value: 'redis'
        }
        {
          name: 'MCP_CLOUD_STORE_TTL'
          value: '48'
        }
        {
          name: 'NULL_WORD'
          value: 'null'
        }
        {
          name: 'OCTAL'
          value: '0123'
        }
        {
          name: 'OTEL_EXPORTER_OTLP_ENDPOINT'
          value: 'https://otel.example.com:4318'
        }
        {
          name: 'OTEL_SERVICE_NAME'
          value: 'ledger'
        }
        {
          name: 'QUOTES'
          value: 'it\'s "quoted"'
        }
        {
          name: 'SIXTY'
          value: '12:30:45'
        }
        {
          name: 'TILDE'
          value: '~'
        }
        {
          name: 'UNICODE'
          value: 'Grüße 🦀'
        }
      ]
    }
  }
  dependsOn: [
    storageAccess
    insightsAccess
    secretAccess0
    secretAccess1
    secretAccess2
    secretAccess3
  ]
}

resource ftpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

@description('URL of the MCP endpoint')
output mcpEndpoint string = 'https://${app.properties.defaultHostName}/v1/mcp'

@description('Name of the function app')
output functionAppName string = app.name
