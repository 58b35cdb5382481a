"""Small sheets in the form of the template, as csv, for tests that upload one."""

GOOD = """\
#ファイル形式バージョン: 2.2
,PROPERTY
,,name,value
,,no-quorum-policy,ignore
,,stonith-enabled,false
,RESOURCES
,,resourceItem,resourceItem,id
,,Group,,grpPg
,,,Primitive,prmEx
,,,Primitive,prmPg
,PRIMITIVE
,P,id,class,provider,type
,,prmEx,ocf,pacemaker,Dummy
,PRIMITIVE
,P,id,class,provider,type
,,prmPg,ocf,pacemaker,Dummy
"""

BAD = """\
#ファイル形式バージョン: 2.2
,RESOURCES
,,resourceItem,resourceItem,id
,,Primitiv,,prmA
,,Group,,grpPg
,,,Primitive,
,PROPERTY
,,name,value
,,,true
"""
